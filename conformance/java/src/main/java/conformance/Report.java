package conformance;

import java.util.ArrayList;
import java.util.List;

/** Counts what a judge checked and prints it in the one form that `run` reads. */
final class Report {
    private final String judge;
    private final List<String> failures = new ArrayList<>();
    private int passed;

    Report(String judge) {
        this.judge = judge;
    }

    void check(String name, boolean holds, String why) {
        if (holds) {
            passed++;
        } else {
            failures.add(name + ": " + why);
        }
    }

    void print() {
        failures.forEach(failure -> System.out.println("  NOT " + failure));
        System.out.println("JUDGE " + judge + ": " + passed + " passed, " + failures.size() + " failed");
        System.out.flush();
    }
}
