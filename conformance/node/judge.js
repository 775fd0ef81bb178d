// Counts what a judge checked and prints it in the one form that `run` reads.
"use strict";

class Judge {
  constructor(name) {
    Object.assign(this, { name, passed: 0, failures: [] });
  }

  check(name, holds, why) {
    if (holds) this.passed++;
    else this.failures.push(`${name}: ${why}`);
  }

  /** Runs one part; what it throws is a failure of that part, not the end of the judge. */
  async part(name, run) {
    try {
      await run();
    } catch (error) {
      this.check(name, false, String(error.message || error).slice(0, 400));
    }
  }

  print() {
    for (const failure of this.failures) console.log(`  NOT ${failure}`);
    console.log(`JUDGE ${this.name}: ${this.passed} passed, ${this.failures.length} failed`);
  }
}

module.exports = { Judge };
