// mocha's own report, and after it the summary of the run. With `--reporter-option summary=FILE` the summary is written
// to that file as JSON, for whoever ran the rest of the tests beside it.

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import mocha from 'mocha';
import { comparison } from '../test/dist/conformance/compared.js';
import { printSummary } from './summary.mjs';
import { root } from './workspaces.mjs';

export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.file = options?.reporterOptions?.summary;
    this.skipped = [];
    runner.on('pending', (test) => this.skipped.push(test.fullTitle()));
    this.ended = [];
    runner.on('test end', (test) => this.ended.push(test));
  }

  epilogue() {
    super.epilogue();
    const summary = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      skipped: this.skipped,
      ended: this.ended.map((test) => ({
        title: test.fullTitle(),
        file: relative(root, test.file).replace(/^test\/dist\//, ''),
        ms: test.duration ?? 0,
      })),
      compared: comparison(),
    };
    if (this.file === undefined) printSummary(summary);
    else writeFileSync(this.file, JSON.stringify(summary));
  }
}
