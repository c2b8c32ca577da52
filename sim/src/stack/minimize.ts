import type { StackSettings } from '../plan/stack-settings.js';
import { shorten } from '../run/minimize.js';
import type { Finding, Outcome } from '../run/run.js';
import type { StackCase } from './run.js';

/** Settings that make a run easier to follow, tried one after the other. */
const simpler: readonly Partial<StackSettings>[] = [
  { sessions: false },
  { leases: false },
  { comparesEvery: 0 },
  { preVote: true, checkQuorum: true },
  { inlineBytes: 2 ** 20 },
  { everyEntries: 10_000 },
  { segmentSize: 1 << 16 },
  { maxPending: 16_384, maxInflight: 256, maxMessageBytes: 2 ** 20, maxUncommittedBytes: 64 * 2 ** 20 },
  { electionTicks: 10 },
  { members: 3 },
  { members: 2 },
  { members: 1 },
];

/** Leaves out of a case of layer 2 what is not needed for the same finding, as `minimize` does for layer 1. */
export function shortenStack(
  original: StackCase,
  finding: Finding,
  run: (of: StackCase) => Promise<Outcome>,
  maxEvents: number,
): Promise<{ readonly case: StackCase; readonly outcome: Outcome; readonly runs: number }> {
  return shorten(original, finding, { run, simpler, maxEvents });
}
