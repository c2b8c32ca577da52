// mocha's own report, then every test that was skipped, then the counts on one line that scripts can read.

import mocha from 'mocha';

export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on('pending', (test) => this.skipped.push(test.fullTitle()));
  }

  epilogue() {
    super.epilogue();
    if (this.skipped.length > 0) {
      console.log('Skipped (each says why where it stands above):');
      for (const title of this.skipped) console.log(`  ${title}`);
      console.log();
    }
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
  }
}
