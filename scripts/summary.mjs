// What stands at the end of a run of the tests: what was skipped, the slowest tests, what was compared with what etcd
// wrote, what failed, and the counts on one line that scripts can read.

import { describeComparison } from '../test/dist/conformance/compared.js';

/** The slowest tests that are named, if a run has more than a few. */
const NAMED = 10;
/** A run of fewer tests is one of a file or two, whose times stand beside its titles. */
const MANY_TESTS = 200;

/**
 * @typedef {object} Summary
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} skipped titles
 * @property {{ title: string, file: string, message: string }[]} failures with the first line of what each threw
 * @property {{ title: string, file: string, ms: number }[]} ended
 * @property {import('../test/dist/conformance/compared.js').Comparison} compared
 */

/**
 * Adds up the summaries of processes that ran parts of the tests.
 *
 * @param {Summary[]} parts
 * @returns {Summary}
 */
export function addUp(parts) {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const kinds = Object.keys(parts[0].compared.counts);
  const counts = kinds.map((kind) => [kind, sum(parts.map(({ compared }) => compared.counts[kind]))]);
  return {
    passed: sum(parts.map(({ passed }) => passed)),
    failed: sum(parts.map(({ failed }) => failed)),
    skipped: parts.flatMap(({ skipped }) => skipped),
    failures: parts.flatMap(({ failures }) => failures),
    ended: parts.flatMap(({ ended }) => ended),
    compared: {
      counts: Object.fromEntries(counts),
      absent: Object.assign({}, ...parts.map(({ compared }) => compared.absent)),
    },
  };
}

/** @param {Summary} summary */
export function printSummary({ passed, failed, skipped, failures, ended, compared }) {
  if (skipped.length > 0) {
    console.log('Skipped (each says why where it stands above):');
    for (const title of skipped) console.log(`  ${title}`);
    console.log();
  }
  if (ended.length >= MANY_TESTS) {
    console.log(`The ${NAMED} slowest tests:`);
    for (const { title, file, ms } of ended.toSorted((a, b) => b.ms - a.ms).slice(0, NAMED)) {
      console.log(`  ${(ms / 1000).toFixed(1).padStart(5)} s  ${title} (${file})`);
    }
    console.log();
  }
  const any = Object.values(compared.counts).some((count) => count > 0) || Object.keys(compared.absent).length > 0;
  if (any) console.log(`Compared with what etcd wrote: ${describeComparison(compared)}\n`);
  // Whoever sees only the end of a long log sees these too.
  if (failures.length > 0) {
    console.log('Failed (each with its stack above):');
    for (const { title, file, message } of failures) console.log(`  ${title} (${file}): ${message}`);
    console.log();
  }
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
}
