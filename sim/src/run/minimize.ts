import type { Settings } from '../plan/settings.js';
import { type Case, type Finding, type Outcome, runCase } from './run.js';
import { shrink } from './shrink.js';

/** Settings that make a run easier to follow, tried one after the other. */
const simpler: readonly Partial<Settings>[] = [
  { storage: 'synchronous' },
  { durableState: false },
  { bootstraps: false },
  { joint: false },
  { learners: 0 },
  { sendsWhileWriting: false },
  { snapshotEvery: 0 },
  { answerMs: 0 },
  { applyMs: 0 },
  { writeMs: 0 },
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
export function minimize(original: Case, finding: Finding, maxEvents = 30_000_000): Promise<Minimal> {
  return shorten(original, finding, { run: runCase, simpler, maxEvents });
}

/** A case that can be made shorter, of either layer. */
interface Shortenable {
  readonly settings: object;
  readonly safetyMs: number;
  readonly actions: readonly { readonly at: number }[];
}

/** As `minimize`, for whatever cases are run in whatever way. */
export async function shorten<C extends Shortenable>(
  original: C,
  finding: Finding,
  how: {
    readonly run: (of: C) => Outcome | Promise<Outcome>;
    readonly simpler: readonly Partial<C['settings']>[];
    readonly maxEvents: number;
  },
): Promise<{ readonly case: C; readonly outcome: Outcome; readonly runs: number }> {
  let best = original;
  let outcome = await how.run(original);
  let runs = 1;
  let { events } = outcome;
  if (!isSameKind(outcome.finding, finding)) return { case: original, outcome, runs };
  const breaks = async (candidate: C): Promise<boolean> => {
    if (events > how.maxEvents) return false;
    runs++;
    const tried = await how.run(candidate);
    events += tried.events;
    if (!isSameKind(tried.finding, finding)) return false;
    best = candidate;
    outcome = tried;
    return true;
  };
  const actionsOf = async (): Promise<void> => {
    // What was to happen afterwards cannot have been needed, unless the liveness phase comes the sooner without it.
    await breaks({ ...best, actions: best.actions.filter(({ at }) => at <= (outcome.finding?.at ?? 0)) });
    await shrink<C['actions'][number]>(best.actions, (actions) => breaks({ ...best, actions }));
  };
  await actionsOf();
  let isSimpler = false;
  for (const change of how.simpler) {
    const settings = { ...best.settings, ...change };
    if (JSON.stringify(settings) !== JSON.stringify(best.settings))
      isSimpler = (await breaks({ ...best, settings })) || isSimpler;
  }
  if (isSimpler) await actionsOf();
  const last = best.actions.at(-1)?.at ?? 0;
  await breaks({ ...best, safetyMs: last + 1 });
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
