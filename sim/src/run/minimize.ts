import type { Planned } from '../plan/action.js';
import type { Settings } from '../plan/settings.js';
import { type Case, type Finding, type Outcome, runCase } from './run.js';
import { shrink } from './shrink.js';

/** Settings that make a run easier to follow, tried one after the other. */
const simpler: readonly Partial<Settings>[] = [
  { storage: 'synchronous' },
  { durableState: false },
  { bootstraps: false },
  { sendsWhileWriting: false },
  { preVote: false },
  { checkQuorum: false },
  { stepDownOnRemoval: false },
  { disableProposalForwarding: false },
  {
    maxSizePerMsg: 4096,
    maxInflightMsgs: 16,
    maxInflightBytes: 0,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
  },
  { heartbeatTick: 1 },
  { electionTick: 3 },
  { members: 3 },
  { members: 2 },
  { members: 1 },
];

/** A case that breaks a rule, made as small as it was possible, and what came of it. */
export interface Minimal {
  readonly case: Case;
  readonly outcome: Outcome;
  /** Number of runs that it took. */
  readonly runs: number;
}

/**
 * Leaves out of a case what is not needed for the same finding: actions first, then settings. A case that does not lead
 * to it is left as it is.
 * @param maxEvents gives up after so many events, with the best that it has
 */
export async function minimize(original: Case, finding: Finding, maxEvents = 30_000_000): Promise<Minimal> {
  let best = original;
  let outcome = runCase(original);
  let runs = 1;
  let events = outcome.events;
  if (!isSameKind(outcome.finding, finding)) return { case: original, outcome, runs };
  const breaks = (candidate: Case): boolean => {
    if (events > maxEvents) return false;
    runs++;
    const tried = runCase(candidate);
    events += tried.events;
    if (!isSameKind(tried.finding, finding)) return false;
    best = candidate;
    outcome = tried;
    return true;
  };
  const actionsOf = async (): Promise<void> => {
    // What was to happen afterwards cannot have been needed, unless the liveness phase comes the sooner without it.
    breaks({ ...best, actions: best.actions.filter(({ at }) => at <= (outcome.finding?.at ?? 0)) });
    await shrink(best.actions, (actions: readonly Planned[]) => breaks({ ...best, actions }));
  };
  await actionsOf();
  let isSimpler = false;
  for (const change of simpler) {
    const settings = { ...best.settings, ...change };
    if (JSON.stringify(settings) !== JSON.stringify(best.settings))
      isSimpler = breaks({ ...best, settings }) || isSimpler;
  }
  if (isSimpler) await actionsOf();
  const last = best.actions.at(-1)?.at ?? 0;
  breaks({ ...best, safetyMs: last + 1 });
  return { case: best, outcome, runs };
}

/**
 * Whether two runs found the same: the same rule, broken in the same way. One rule may be broken by several mistakes,
 * and whoever made the finding short would otherwise be shown another one, and think it mended once that one is. The
 * sentence without its numbers says which check failed, and where the stack begins which error a member died of.
 */
function isSameKind(one: Finding | undefined, other: Finding): boolean {
  return one?.rule === other.rule && wordsOf(one) === wordsOf(other) && placeOf(one) === placeOf(other);
}

/** A configuration as `confStateKey` writes it: which learners it has is as much a fact as which voters. */
const CONFIGURATION = /voters \([\d,]*\)(?:&&\([\d,]*\))?(?: learners(?:-next)? \([\d,]*\))*(?: auto-leave)?/g;

function wordsOf({ text }: Finding): string {
  return text.replace(CONFIGURATION, '').replace(/[^a-z]+/gi, ' ');
}

function placeOf({ stack }: Finding): string | undefined {
  return stack?.split('\n').find((line) => /^\s+at /.test(line));
}
