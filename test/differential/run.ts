import { shrink } from '@raft-ts/sim/internal';
import {
  compareScript,
  compareSession,
  DEATH,
  type Difference,
  type Followed,
  reasonOf,
  scriptLines,
  scriptWithAnswers,
  tryReplay,
} from './compare.js';
import { type Oracle, OracleDeath } from './oracle.js';
import { type PlayedSession, SessionCrash } from './recorder.js';
import { generateScript, type Script } from './script-generator.js';
import { playScript } from './script-run.js';
import { generateSession } from './session-generator.js';

/** What was compared. */
export interface Totals {
  scripts: number;
  commands: number;
  /** Scripts that ended before their last command, at the same one on both sides. */
  aborted: number;
  /** Scripts that neither side can finish, which the other side was not asked. */
  endless: number;
  sessions: number;
  inputs: number;
  /** Inputs that changed what a member knows. */
  changed: number;
  /** Sessions that ended in the same panic on both sides. */
  panicked: number;
  /** Inputs that this side refused, and what the other side made of them. */
  readonly refused: Map<string, Record<Followed, number>>;
}

/** A difference, made as short as it gets. */
export interface Finding {
  readonly kind: 'script' | 'session';
  readonly seed: number;
  readonly difference: Difference;
  /** A script with the other side's outputs, or the lines of a session. */
  readonly text: string;
}

export function emptyTotals(): Totals {
  return {
    scripts: 0,
    commands: 0,
    aborted: 0,
    endless: 0,
    sessions: 0,
    inputs: 0,
    changed: 0,
    panicked: 0,
    refused: new Map(),
  };
}

/** How many requests may be under way: while one side answers the other generates. */
const WINDOW = 16;

/** Generates what follows from seeds, asks both sides and compares. */
export class DifferentialRun {
  readonly totals: Totals = emptyTotals();
  readonly findings: Finding[] = [];
  readonly #oracle: Oracle;
  readonly #documented: ReadonlySet<string>;

  constructor(oracle: Oracle, documented: ReadonlySet<string>) {
    this.#oracle = oracle;
    this.#documented = documented;
  }

  /** Runs seeds from `from` on, one after the other; `each` hears of each and says whether to go on. */
  async run(
    seeds: { readonly from: number; readonly count: number },
    parts: { readonly scripts: boolean; readonly sessions: boolean },
    each: (seed: number) => boolean = () => true,
  ): Promise<void> {
    const under: Promise<void>[] = [];
    const begin = (kind: 'script' | 'session', seed: number): void => {
      const work = (kind === 'script' ? this.#script(seed) : this.#session(seed)).catch((error: unknown) => {
        throw new Error(`${kind} of seed ${seed}`, { cause: error });
      });
      // It is waited for, but perhaps not yet when it fails.
      work.catch(() => {});
      under.push(work);
    };
    for (let seed = seeds.from; seed < seeds.from + seeds.count; seed++) {
      if (parts.scripts) begin('script', seed);
      if (parts.sessions) begin('session', seed);
      while (under.length > WINDOW) await under.shift();
      if (!each(seed)) break;
    }
    await Promise.all(under);
  }

  async #ask(kind: 'script' | 'session', lines: readonly string[]): Promise<string> {
    try {
      return await this.#oracle.ask(kind, lines);
    } catch (error) {
      if (!(error instanceof OracleDeath)) throw error;
    }
    try {
      return await this.#oracle.askAgain(kind, lines);
    } catch (error) {
      if (!(error instanceof OracleDeath)) throw error;
      return `${DEATH}${error.message}`;
    }
  }

  async #script(seed: number): Promise<void> {
    const { totals } = this;
    const script = generateScript(seed);
    const played = playScript(script);
    totals.scripts++;
    totals.commands += played.commands;
    if (played.end === 'endless') {
      totals.endless++;
      return;
    }
    if (played.end !== 'end') totals.aborted++;
    const difference = compareScript(played, await this.#ask('script', scriptLines(script)));
    if (difference !== undefined) await this.#reportScript(seed, script);
  }

  async #reportScript(seed: number, script: Script): Promise<void> {
    const answer = (candidate: Script): Promise<string> => this.#ask('script', scriptLines(candidate));
    const shortest = await shrink(script, async (candidate) => {
      const played = playScript(candidate);
      if (played.end === 'endless' || candidate.length === 0) return false;
      return compareScript(played, await answer(candidate)) !== undefined;
    });
    const last = await answer(shortest);
    const difference = compareScript(playScript(shortest), last);
    if (difference === undefined) throw new Error(`the difference of script ${seed} does not come back`);
    this.findings.push({ kind: 'script', seed, difference, text: scriptWithAnswers(shortest, last) });
  }

  async #session(seed: number): Promise<void> {
    const { totals } = this;
    let played: PlayedSession;
    try {
      played = generateSession(seed);
    } catch (error) {
      if (!(error instanceof SessionCrash)) throw error;
      await this.#reportCrash(seed, error);
      return;
    }
    totals.sessions++;
    totals.inputs += played.inputs;
    totals.changed += played.changed;
    if (played.panicked) totals.panicked++;
    const { difference, followed } = await this.#compare(played);
    if (difference !== undefined) {
      await this.#reportSession(seed, played, difference);
      return;
    }
    for (const [i, refusal] of played.refusals.entries()) {
      const reason = reasonOf(refusal);
      const counts = totals.refused.get(reason) ?? { panic: 0, followed: 0, ignored: 0 };
      counts[followed[i] as Followed]++;
      totals.refused.set(reason, counts);
    }
  }

  async #compare(played: PlayedSession): Promise<ReturnType<typeof compareSession>> {
    return compareSession(played, await this.#ask('session', played.lines), this.#documented);
  }

  async #reportSession(seed: number, { lines }: PlayedSession, found: Difference): Promise<void> {
    const replay = async (candidate: readonly string[]): Promise<Difference | undefined> => {
      const played = tryReplay(candidate);
      if (played === undefined || played instanceof SessionCrash) return undefined;
      return (await this.#compare(played)).difference;
    };
    // A shorter session may differ in another way, for example because a message now comes out of the blue.
    const shortest = await shrink(lines, async (candidate) => (await replay(candidate))?.what === found.what);
    const difference = await replay(shortest);
    if (difference === undefined) throw new Error(`the difference of session ${seed} does not come back`);
    this.findings.push({ kind: 'session', seed, difference, text: `${shortest.join('\n')}\n` });
  }

  async #reportCrash(seed: number, crash: SessionCrash): Promise<void> {
    const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
    const shortest = await shrink(crash.lines, (candidate) => {
      const played = tryReplay(candidate);
      return played instanceof SessionCrash && text(played.cause) === text(crash.cause);
    });
    const difference = { what: 'a failure of this side', ours: crash.message, theirs: '' };
    this.findings.push({ kind: 'session', seed, difference, text: `${shortest.join('\n')}\n` });
  }
}
