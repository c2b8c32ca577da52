// mocha's own report, and after it the summary of the run. With `--reporter-option summary=FILE` the summary is written
// to that file as JSON, for whoever ran the rest of the tests beside it.

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';
import mocha from 'mocha';
import { comparison } from '../test/dist/conformance/compared.js';
import { printSummary } from './summary.mjs';
import { root } from './workspaces.mjs';

/** A process of tests that has nothing left to do ends by itself, long before this. */
const LINGER_MS = 30_000;

const fileOf = ({ file }) => relative(root, file ?? '').replace(/^test\/dist\//, '');

export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.file = options?.reporterOptions?.summary;
    this.skipped = [];
    runner.on('pending', (test) => this.skipped.push(test.fullTitle()));
    // Of hooks too, which are no tests.
    this.failed = [];
    runner.on('fail', (test, error) => this.failed.push({ test, error }));
    this.ended = [];
    runner.on('test end', (test) => this.ended.push(test));
  }

  epilogue() {
    super.epilogue();
    const summary = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      skipped: this.skipped,
      failures: this.failed.map(({ test, error }) => ({
        title: test.fullTitle(),
        file: fileOf(test),
        message: String(error?.message ?? error).split('\n', 1)[0],
      })),
      ended: this.ended.map((test) => ({
        title: test.fullTitle(),
        file: fileOf(test),
        ms: test.duration ?? 0,
      })),
      compared: comparison(),
    };
    if (this.file === undefined) printSummary(summary);
    else writeFileSync(this.file, JSON.stringify(summary));
    this.endAll();
  }

  /** What a test that failed did not come to close would keep this process, and all who wait for it, for ever. */
  endAll() {
    const { failures } = this.stats;
    const timer = setTimeout(() => {
      if (failures === 0) console.error('A test has left something open, and all are over: this run has failed.');
      process.exit(Math.min(failures, 255) || 1);
    }, LINGER_MS);
    timer.unref();
  }
}
