// mocha's own report, and after it the summary of the run. With `--reporter-option summary=FILE` the summary is written
// to that file as JSON, for whoever ran the rest of the tests beside it.

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import mocha from 'mocha';
import { comparison } from '../test/dist/conformance/compared.js';
import { printSummary } from './summary.mjs';
import { root } from './workspaces.mjs';

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
  }
}
