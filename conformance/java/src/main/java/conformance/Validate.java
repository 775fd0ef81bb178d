package conformance;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r4.model.Resource;

/**
 * HL7's own validator over every answer that the collector kept. Arguments: the folder of answers, `not-checkable.txt`, and, where
 * it exists, the folder of UK Core and NHS England definitions. Zero errors, but for what no machine without a terminology server can
 * check; each kind of that stands in `not-checkable.txt` with a reason, and anything else fails (decisions.md 30).
 */
public final class Validate {
    private Validate() {}

    /** A line of the allow-list: what the validator says, and why that is no error here. */
    private record NotCheckable(Pattern pattern, String reason) {}

    /** Said at any severity: the validator did not look, since the definition is not on this machine. */
    private static final Pattern NOT_LOOKED_AT =
            Pattern.compile("unknown|could not be found|not found|can't be validated|cannot be validated|unable to", Pattern.CASE_INSENSITIVE);

    private static final FhirContext R4 = FhirContext.forR4();

    public static void main(String[] arguments) throws Exception {
        List<NotCheckable> allowed = allowed(Path.of(arguments[1]));
        List<Path> answers = answers(Path.of(arguments[0]));
        judge("HL7 validator, base R4", answers, null, allowed);
        if (arguments.length > 2) {
            PrePopulatedValidationSupport guides = guides(Path.of(arguments[2]));
            judge("HL7 validator, UK Core and NHS England profiles", answers, guides, allowed);
        } else {
            System.out.println("PENDING reference: no UK Core definitions on this machine (CPIS_FHIR_REFERENCE)");
        }
        System.exit(0);
    }

    private static void judge(String name, List<Path> answers, PrePopulatedValidationSupport guides, List<NotCheckable> allowed)
            throws Exception {
        Report report = new Report(name);
        FhirValidator validator = validator(guides);
        Map<String, Integer> passedOver = new TreeMap<>();
        Map<String, List<String>> errors = new LinkedHashMap<>();
        Map<String, Integer> remarks = new TreeMap<>();
        var pool = Executors.newFixedThreadPool(2);
        try {
            List<Callable<List<SingleValidationMessage>>> work = new ArrayList<>();
            for (Path answer : answers) {
                work.add(() -> validator.validateWithResult(Files.readString(answer)).getMessages());
            }
            List<Future<List<SingleValidationMessage>>> results = pool.invokeAll(work);
            for (int i = 0; i < results.size(); i++) {
                String file = answers.get(i).getFileName().toString();
                int bad = 0;
                for (SingleValidationMessage message : results.get(i).get()) {
                    String text = message.getMessage();
                    boolean isError = message.getSeverity().compareTo(ResultSeverityEnum.ERROR) >= 0;
                    boolean notLookedAt = !isError && NOT_LOOKED_AT.matcher(text).find();
                    if (notLookedAt && guides == null && text.startsWith("Profile reference")) {
                        continue; // the base run is without profiles by design
                    }
                    if (!isError && !notLookedAt) {
                        remarks.merge(text, 1, Integer::sum);
                        continue;
                    }
                    NotCheckable match = allowed.stream().filter(line -> line.pattern.matcher(text).find()).findFirst().orElse(null);
                    if (match != null) {
                        passedOver.merge(match.reason + " [" + match.pattern + "]", 1, Integer::sum);
                    } else {
                        bad++;
                        errors.computeIfAbsent(text, key -> new ArrayList<>()).add(file + " at " + message.getLocationString());
                    }
                }
                report.check(file, bad == 0, bad + " errors");
            }
        } finally {
            pool.shutdownNow();
        }
        errors.forEach((text, places) -> System.out.println("  ERROR x" + places.size() + ": " + text + "\n      first: " + places.get(0)));
        passedOver.forEach((reason, count) -> System.out.println("  not checkable x" + count + ": " + reason));
        if (System.getenv("CONFORMANCE_REMARKS") != null) {
            remarks.forEach((text, count) -> System.out.println("  remark x" + count + ": " + text));
        } else {
            System.out.println("  remarks below error: " + remarks.size() + " distinct (CONFORMANCE_REMARKS=1 shows them)");
        }
        control(report, validator, guides != null);
        report.print();
    }

    /** The validator must refuse what is wrong, or its silence means nothing. */
    private static void control(Report report, FhirValidator validator, boolean profiles) {
        String wrong = profiles
                ? """
                {"resourceType":"Patient","meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},
                 "identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number"}]}"""
                : """
                {"resourceType":"Flag","status":"bananas","code":{"text":"x"},"subject":{"reference":"Patient/1"}}""";
        report.check("control", !validator.validateWithResult(wrong).isSuccessful(), "a document that is wrong passes");
    }

    private static FhirValidator validator(PrePopulatedValidationSupport guides) {
        List<IValidationSupport> links = new ArrayList<>();
        links.add(new DefaultProfileValidationSupport(R4));
        if (guides != null) {
            links.add(guides);
        }
        links.add(new InMemoryTerminologyServerValidationSupport(R4));
        links.add(new CommonCodeSystemsTerminologyService(R4));
        links.add(new SnapshotGeneratingValidationSupport(R4));
        ValidationSupportChain chain = new ValidationSupportChain(links.toArray(IValidationSupport[]::new));
        FhirInstanceValidator module = new FhirInstanceValidator(chain);
        module.setErrorForUnknownProfiles(false);
        module.setAnyExtensionsAllowed(true);
        module.setNoTerminologyChecks(false);
        return R4.newValidator().registerValidatorModule(module);
    }

    /** Every definition of the folder, as published: differentials, for which the chain makes snapshots. */
    private static PrePopulatedValidationSupport guides(Path folder) throws Exception {
        PrePopulatedValidationSupport guides = new PrePopulatedValidationSupport(R4);
        int count = 0;
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".xml")).sorted().toList()) {
                guides.addResource((Resource) R4.newXmlParser().parseResource(Files.readString(file)));
                count++;
            }
        }
        System.out.println("  definitions loaded: " + count);
        return guides;
    }

    private static List<Path> answers(Path folder) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(path -> path.getFileName().toString().matches("\\d{4}-.*\\.(json|xml)")).sorted().toList();
        }
    }

    /** Lines `regular expression <TAB> reason`; `#` starts a comment. */
    private static List<NotCheckable> allowed(Path file) throws Exception {
        List<NotCheckable> allowed = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] parts = line.split("\t", 2);
            if (parts.length < 2 || parts[1].isBlank()) {
                throw new IllegalArgumentException("no reason beside: " + line);
            }
            allowed.add(new NotCheckable(Pattern.compile(parts[0]), parts[1].trim()));
        }
        return allowed;
    }
}
