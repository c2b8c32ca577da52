// mocha's own report, then every test that was skipped, the slowest ones, what was compared with what etcd wrote, and
// the counts on one line that scripts can read.

import { relative } from 'node:path';
import mocha from 'mocha';
import { comparison, describeComparison } from '../test/dist/conformance/compared.js';
import { root } from './workspaces.mjs';

/** The slowest tests that are named, if a run has more than a few. */
const NAMED = 10;
/** A run of fewer tests is one of a file or two, whose times stand beside its titles. */
const MANY_TESTS = 200;

export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on('pending', (test) => this.skipped.push(test.fullTitle()));
    this.ended = [];
    runner.on('test end', (test) => this.ended.push(test));
  }

  epilogue() {
    super.epilogue();
    if (this.skipped.length > 0) {
      console.log('Skipped (each says why where it stands above):');
      for (const title of this.skipped) console.log(`  ${title}`);
      console.log();
    }
    if (this.ended.length >= MANY_TESTS) {
      console.log(`The ${NAMED} slowest tests:`);
      const byDuration = this.ended.toSorted((a, b) => (b.duration ?? 0) - (a.duration ?? 0));
      for (const test of byDuration.slice(0, NAMED)) {
        const file = relative(root, test.file).replace(/^test\/dist\//, '');
        console.log(`  ${((test.duration ?? 0) / 1000).toFixed(1).padStart(5)} s  ${test.fullTitle()} (${file})`);
      }
      console.log();
    }
    const compared = comparison();
    const any = Object.values(compared.counts).some((count) => count > 0) || Object.keys(compared.absent).length > 0;
    if (any) console.log(`Compared with what etcd wrote: ${describeComparison(compared)}\n`);
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
  }
}
