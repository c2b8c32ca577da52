/**
 * A reporter for mocha that writes a `RunRecord` as JSON to the file that its option `file` names, and says nothing
 * but which tests failed.
 */
import { writeFileSync } from 'node:fs';
import * as chai from 'chai';
import { comparison } from './compared.js';
import type { RunRecord, TestRecord } from './record.js';

let assertions = 0;
let counting = false;

// Every assertion of chai, whatever it is called, ends in this method.
chai.use(({ Assertion }) => {
  const { prototype } = Assertion;
  const { assert } = prototype;
  prototype.assert = function (...args) {
    if (counting) assertions++;
    assert.apply(this, args);
  };
});

export default class Recorder {
  private readonly tests: TestRecord[] = [];

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    const { file } = options.reporterOptions as { file: string };
    const count = (on: boolean) => (): void => {
      counting = on;
    };
    runner.on('test', () => {
      assertions = 0;
      counting = true;
    });
    runner.on('hook', count(false));
    runner.on('hook end', count(true));
    runner.on('test end', count(false));
    runner.on('pass', (test) => this.note(test, 'passed'));
    runner.on('pending', (test) => this.note(test, 'skipped'));
    runner.on('fail', (test, error: Error) => {
      console.error(`FAILED ${test.titlePath().join(' › ')}`);
      this.note(test, 'failed', error.stack ?? error.message);
    });
    runner.on('end', () => {
      const record: RunRecord = { tests: this.tests, comparison: comparison() };
      writeFileSync(file, JSON.stringify(record));
    });
  }

  /** Also of a hook that failed: it stands for the tests that were not run. */
  private note(test: Mocha.Runnable, state: TestRecord['state'], error?: string): void {
    this.tests.push({
      path: test.titlePath(),
      file: test.file ?? '',
      state,
      assertions: state === 'skipped' ? 0 : assertions,
      ...(error === undefined ? {} : { error }),
    });
  }
}
