"""Counts what a judge checked and prints it in the one form that `run` reads."""


class Judge:
    def __init__(self, name):
        self.name, self.passed, self.failures = name, 0, []

    def check(self, name, holds, why):
        if holds:
            self.passed += 1
        else:
            self.failures.append(f"{name}: {why}")

    def part(self, name, run):
        """Runs one part; what it raises is a failure of that part, not the end of the judge."""
        try:
            run()
        except Exception as error:  # noqa: BLE001: a judge says what happened, whatever it was
            self.check(name, False, f"{type(error).__name__}: {str(error)[:400]}")

    def print(self):
        for failure in self.failures:
            print(f"  NOT {failure}")
        print(f"JUDGE {self.name}: {self.passed} passed, {len(self.failures)} failed")
