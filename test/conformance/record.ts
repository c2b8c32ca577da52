import type { Comparison } from './compared.js';

/** What became of one mocha test. */
export interface TestRecord {
  /** The titles of its suites, outermost first, and its own. */
  readonly path: readonly string[];
  /** The compiled file it is in. */
  readonly file: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** How many assertions of chai it ran, those of its hooks not counted. */
  readonly assertions: number;
  /** Why it failed. */
  readonly error?: string;
}

/** A whole run of mocha. */
export interface RunRecord {
  readonly tests: readonly TestRecord[];
  readonly comparison: Comparison;
}
