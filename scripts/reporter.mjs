// mocha's own report, then every test that was skipped, what was compared with what etcd wrote, and the counts on one
// line that scripts can read.

import mocha from 'mocha';
import { comparison, describeComparison } from '../test/dist/conformance/compared.js';

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
    const compared = comparison();
    const any = Object.values(compared.counts).some((count) => count > 0) || Object.keys(compared.absent).length > 0;
    if (any) console.log(`Compared with what etcd wrote: ${describeComparison(compared)}\n`);
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
  }
}
