package conformance;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.gclient.ReferenceClientParam;
import ca.uhn.fhir.rest.gclient.TokenClientParam;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.AuditEvent;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.EpisodeOfCare;
import org.hl7.fhir.r4.model.Flag;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.Organization;

/** HAPI's generic client, as an EPR in Java would use it. Arguments: FHIR base, features (comma list). */
public final class Client {
    private Client() {}

    private static final String CHILD = "9990000018";
    private static final String NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
    private static final Report REPORT = new Report("HAPI generic client");

    public static void main(String[] arguments) {
        Set<String> features = new HashSet<>(Arrays.asList(arguments[1].split(",")));
        FhirContext r4 = FhirContext.forR4();
        r4.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.NEVER);
        r4.getRestfulClientFactory().setSocketTimeout(60_000);
        IGenericClient client = r4.newRestfulGenericClient(arguments[0]);
        client.setEncoding(EncodingEnum.JSON);
        all(client, features, "JSON");
        if (features.contains("xml")) {
            IGenericClient xml = r4.newRestfulGenericClient(arguments[0]);
            xml.setEncoding(EncodingEnum.XML);
            all(xml, features, "XML");
        }
        REPORT.print();
        System.exit(0);
    }

    private static void all(IGenericClient client, Set<String> features, String format) {
        attempt(format + " searches", () -> searches(client, format));
        attempt(format + " outcomes", () -> neverNoPlan(client, features, format));
        attempt(format + " errors", () -> errors(client, format));
        when(features, "read", format, () -> reads(client, format));
        when(features, "paging", format, () -> paging(client, format));
        when(features, "batch", format, () -> batch(client, format));
        when(features, "metadata", format, () -> capability(client, format));
    }

    private static void searches(IGenericClient client, String format) {
        Bundle get = flags(client, CHILD, SearchStyleEnum.GET);
        Bundle post = flags(client, CHILD, SearchStyleEnum.POST);
        check(format + " search by GET", matches(get) == 2, "matches: " + matches(get));
        check(format + " search by POST", matches(post) == matches(get), "matches: " + matches(post));
        Flag flag = (Flag) get.getEntryFirstRep().getResource();
        check(format + " a flag's parts", flag.hasCode() && flag.hasStatus() && flag.hasPeriod() && flag.hasCategory(), "a part is missing");
        Bundle byReference = client.search().forResource(EpisodeOfCare.class)
                .where(new ReferenceClientParam("patient").hasId("Patient/" + CHILD))
                .include(EpisodeOfCare.INCLUDE_ORGANIZATION).returnBundle(Bundle.class).execute();
        boolean telephone = byReference.getEntry().stream().map(Bundle.BundleEntryComponent::getResource)
                .anyMatch(resource -> resource instanceof Organization && ((Organization) resource).hasTelecom());
        check(format + " episode and the authority's number", matches(byReference) == 2 && telephone, "no number to ring");
        Bundle byIdentifier = client.search().forResource(Flag.class)
                .where(new TokenClientParam("patient:identifier").exactly().systemAndCode(NHS_NUMBER, CHILD))
                .returnBundle(Bundle.class).execute();
        check(format + " search by identifier", matches(byIdentifier) == matches(get), "matches: " + matches(byIdentifier));
        Bundle byChain = client.search().forResource(Flag.class)
                .where(Flag.PATIENT.hasChainedProperty(new TokenClientParam("identifier").exactly().systemAndCode(NHS_NUMBER, CHILD)))
                .returnBundle(Bundle.class).execute();
        check(format + " search by chain", matches(byChain) == matches(get), "matches: " + matches(byChain));
        Bundle accesses = client.search().forResource(AuditEvent.class).where(new ReferenceClientParam("patient").hasId(CHILD))
                .include(AuditEvent.INCLUDE_AGENT).returnBundle(Bundle.class).execute();
        check(format + " access history", matches(accesses) >= 3, "accesses: " + matches(accesses));
        // A reference that came with its target is resolved by the client itself.
        Flag withAuthor = (Flag) client.search().forResource(Flag.class).where(new ReferenceClientParam("patient").hasId(CHILD))
                .include(Flag.INCLUDE_AUTHOR).include(Flag.INCLUDE_PATIENT).returnBundle(Bundle.class).execute().getEntryFirstRep().getResource();
        check(format + " stitched references",
                withAuthor.getAuthor().getResource() instanceof Organization && withAuthor.getSubject().getResource() != null, "not resolved");
    }

    private static void neverNoPlan(IGenericClient client, Set<String> features, String format) {
        Bundle none = flags(client, "9990000026", SearchStyleEnum.POST);
        check(format + " no record", none.getTotal() == 0 && none.getEntry().isEmpty(), "not empty");
        for (String number : new String[] {"9990000263", "9990000328", "9990000271"}) {
            Bundle partly = flags(client, number, SearchStyleEnum.POST);
            boolean active = partly.getEntry().stream().map(Bundle.BundleEntryComponent::getResource)
                    .anyMatch(resource -> resource instanceof Flag && ((Flag) resource).getStatus() == Flag.FlagStatus.ACTIVE);
            check(format + " partly unreadable " + number, active && outcomes(partly) > 0, "could be taken for no plan");
        }
        when(features, "filters", format, () -> {
            Bundle filtered = client.search().forResource(Flag.class).where(new ReferenceClientParam("patient").hasId("9990000093"))
                    .and(new TokenClientParam("status").exactly().code("active")).returnBundle(Bundle.class).execute();
            check(format + " filtered away", matches(filtered) == 0 && outcomes(filtered) > 0, "could be taken for no plan");
        });
    }

    private static void errors(IGenericClient client, String format) {
        for (Object[] one : new Object[][] {
            {"9990000019", 400}, {"9990000441", 500}, {"9990000506", 502}, {"9990000484", 503}, {"9990000999", 504}, {"9990000492", 403}
        }) {
            String name = format + " error " + one[1];
            try {
                flags(client, (String) one[0], SearchStyleEnum.POST);
                check(name, false, "no exception");
            } catch (BaseServerResponseException exception) {
                OperationOutcome outcome = (OperationOutcome) exception.getOperationOutcome();
                boolean says = outcome != null && outcome.getIssueFirstRep().hasDiagnostics() && outcome.getIssueFirstRep().hasDetails();
                check(name, exception.getStatusCode() == (int) one[1] && says, exception.getStatusCode() + ", outcome " + outcome);
            }
        }
    }

    private static void reads(IGenericClient client, String format) {
        Bundle bundle = flags(client, CHILD, SearchStyleEnum.GET);
        Flag flag = (Flag) bundle.getEntryFirstRep().getResource();
        Flag again = client.read().resource(Flag.class).withId(flag.getIdElement().toUnqualifiedVersionless()).execute();
        check(format + " read Flag", again.getCode().equalsDeep(flag.getCode()) && again.getStatus() == flag.getStatus(), "another flag");
        for (String reference : new String[] {flag.getAuthor().getReference(), flag.getSubject().getReference()}) {
            String[] parts = reference.replaceFirst(".*/([^/]+/[^/]+)$", "$1").split("/");
            IBaseResource target = client.read().resource(parts[0]).withId(parts[1]).execute();
            check(format + " read " + parts[0], target.fhirType().equals(parts[0]) && target.getIdElement().getIdPart().equals(parts[1]), "another");
        }
    }

    private static void paging(IGenericClient client, String format) {
        Bundle page = client.search().forResource(AuditEvent.class).where(new ReferenceClientParam("patient").hasId("9990000182"))
                .count(10).returnBundle(Bundle.class).execute();
        int total = page.getTotal();
        int seen = matches(page);
        while (page.getLink(Bundle.LINK_NEXT) != null) {
            page = client.loadPage().next(page).execute();
            seen += matches(page);
        }
        check(format + " paging", total > 20 && seen == total, seen + " of " + total);
    }

    private static void batch(IGenericClient client, String format) {
        Bundle request = new Bundle().setType(Bundle.BundleType.BATCH);
        for (String url : new String[] {"Flag?patient=" + CHILD, "EpisodeOfCare?patient=" + CHILD, "Observation?x=1"}) {
            request.addEntry().getRequest().setMethod(Bundle.HTTPVerb.GET).setUrl(url);
        }
        Bundle response = client.transaction().withBundle(request).execute();
        check(format + " batch", response.getType() == Bundle.BundleType.BATCHRESPONSE && response.getEntry().size() == 3, "shape");
        check(format + " batch entries", response.getEntry().get(0).getResource() instanceof Bundle
                && response.getEntry().get(2).getResponse().getStatus().startsWith("404"), "entries");
    }

    private static void capability(IGenericClient client, String format) {
        CapabilityStatement statement = client.capabilities().ofType(CapabilityStatement.class).execute();
        check(format + " fetchConformance", "4.0.1".equals(statement.getFhirVersion().toCode()) && statement.getRestFirstRep().hasResource(), "empty");
    }

    private static Bundle flags(IGenericClient client, String number, SearchStyleEnum style) {
        return client.search().forResource(Flag.class).where(new ReferenceClientParam("patient").hasId(number)).usingStyle(style)
                .returnBundle(Bundle.class).execute();
    }

    private static int matches(Bundle bundle) {
        return (int) bundle.getEntry().stream().filter(entry -> entry.getSearch().getMode() == Bundle.SearchEntryMode.MATCH).count();
    }

    private static int outcomes(Bundle bundle) {
        return (int) bundle.getEntry().stream()
                .filter(entry -> entry.getSearch().getMode() == Bundle.SearchEntryMode.OUTCOME && entry.getResource() instanceof OperationOutcome)
                .count();
    }

    private static void check(String name, boolean holds, String why) {
        REPORT.check(name, holds, why);
    }

    private static void when(Set<String> features, String feature, String format, Runnable part) {
        if (features.contains(feature)) {
            attempt(format + " " + feature, part);
        }
    }

    private static void attempt(String name, Runnable part) {
        try {
            part.run();
        } catch (RuntimeException exception) {
            check(name, false, exception.toString());
        }
    }
}
