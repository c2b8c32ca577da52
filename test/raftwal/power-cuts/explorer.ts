import { seededRandom } from '@raft-ts/raft/internal';
import { type DirectoryImage, Disk, type Effect, hashImage, KEPT, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { type LogState, stateText } from './history.js';
import type { LogUnderTest, Started } from './log-under-test.js';
import type { Step } from './machine.js';
import { DIRECTORY, type Recording } from './scenario.js';

/** The outcome of a start on one image. Equal outcomes are the same object. */
interface Outcome {
  readonly id: number;
  readonly how: Started['how'] | 'refused';
  readonly state: LogState | undefined;
  /** The state or the error, to compare and to show. */
  readonly text: string;
}

interface Recovery {
  readonly outcome: Outcome;
  readonly effects: readonly Effect[];
  /** The disk when the log was closed again, if the machine goes on. */
  readonly after: DirectoryImage;
}

export interface Counts {
  /** Images made: by a cut of the scenario, and by a cut of a recovery. */
  scenarioImages: number;
  recoveryImages: number;
  /** Images that were not made before, byte for byte, each opened by the log. */
  distinctImages: number;
  /** Recoveries that were themselves cut at each of their effects. */
  cutRecoveries: number;
  /** States that recovery answered. */
  distinctOutcomes: number;
  /** Distinct images by what opening came to. */
  readonly byHow: Map<Outcome['how'], number>;
}

/**
 * One recovery in so many is cut by all the rules, the others by a few choices at each effect: most of what differs
 * between images of recoveries is in copies and preallocated files, which are never read.
 */
const THOROUGH = 16;

export interface ExplorerOptions {
  readonly log: LogUnderTest;
  readonly seed: number;
  /** Drawn choices at each step, beside those that the rules ask for. */
  readonly samples: number;
}

/**
 * Stops a recorded scenario at its steps, makes the images that a power cut may leave, opens each with the log, and
 * compares what it answers with what was promised. Throws `Loss` at the first promise that does not hold.
 */
export class Explorer {
  readonly counts: Counts = {
    scenarioImages: 0,
    recoveryImages: 0,
    distinctImages: 0,
    cutRecoveries: 0,
    distinctOutcomes: 0,
    byHow: new Map(),
  };
  readonly #options: ExplorerOptions;
  readonly #outcomes: Map<string, Outcome> = new Map();
  readonly #known: Map<number, Outcome> = new Map();
  readonly #cut: Set<number> = new Set();
  /** Where the walk is, for the report of a loss. */
  #at: { readonly number: number; readonly step: Step } | undefined;

  constructor(options: ExplorerOptions) {
    this.#options = options;
  }

  /** Number of images made so far. */
  get images(): number {
    return this.counts.scenarioImages + this.counts.recoveryImages;
  }

  /** Explores the steps that `visits` names, in order, until `enough` says so; it is asked between images. */
  async explore(recording: Recording, visits: (step: number) => boolean, enough: () => boolean): Promise<void> {
    const disk = new Disk(recording.start);
    for (const [number, step] of recording.steps.entries()) {
      if (step.effect !== undefined) disk.apply(step.effect);
      if (!visits(number) || addsNothing(step, recording.steps[number - 1])) continue;
      this.#at = { number, step };
      const random = seededRandom(this.#options.seed * 1_000_003 + number);
      const cut = new PowerCut(disk, random);
      for (const choice of cut.choices(random, this.#options.samples)) {
        if (enough()) return;
        this.counts.scenarioImages++;
        const outcome = await this.#examine(cut.image(choice));
        const wrong = whatIsWrong(outcome, step, step.torn || cut.tears(choice));
        if (wrong !== undefined)
          throw new Loss({ ...this.#at, choice: cut.describe(choice), wrong, found: outcome.text });
      }
    }
  }

  /** Opens an image, opens it again, and cuts the recovery at each of its effects; all must answer the same. */
  async #examine(image: DirectoryImage): Promise<Outcome> {
    const hash = hashImage(image);
    const known = this.#known.get(hash);
    if (known !== undefined && this.#cut.has(hash)) return known;
    this.#cut.add(hash);
    this.counts.cutRecoveries++;
    const { outcome, effects, after } = await this.#recover(image, hash);
    const again = await this.#outcomeOf(after);
    if (again.text !== outcome.text)
      throw new Loss({ ...this.#at, choice: 'none: opened twice', wrong: `first ${outcome.text}`, found: again.text });
    const disk = new Disk(image);
    // Drawn from the image, so that what happens to it does not depend on what was explored before.
    const random = seededRandom(hash % 2 ** 32);
    for (const effect of effects) {
      disk.apply(effect);
      if (effect.kind === 'syncStart') continue;
      const cut = new PowerCut(disk, random);
      const few = [cut.all(LOST), cut.all(KEPT), cut.sample(random)];
      for (const choice of hash % THOROUGH === 0 ? cut.choices(random, 1) : few) {
        this.counts.recoveryImages++;
        const other = await this.#outcomeOf(cut.image(choice));
        if (other.text === outcome.text) continue;
        throw new Loss({
          ...this.#at,
          choice: `recovery cut after ${effect.kind}: ${cut.describe(choice)}`,
          wrong: `uncut ${outcome.text}`,
          found: other.text,
        });
      }
    }
    return outcome;
  }

  async #outcomeOf(image: DirectoryImage): Promise<Outcome> {
    const hash = hashImage(image);
    return this.#known.get(hash) ?? (await this.#recover(image, hash)).outcome;
  }

  async #recover(image: DirectoryImage, hash: number): Promise<Recovery> {
    const disk = new Disk(image);
    const effects: Effect[] = [];
    const fs = new SimFs(disk, { onEffect: (effect) => effects.push(effect) });
    let outcome: Outcome;
    try {
      const { log, state, how } = await this.#options.log.start(fs, DIRECTORY);
      await log.close();
      outcome = this.#outcome(how, state, stateText(state));
    } catch (error) {
      outcome = this.#outcome('refused', undefined, `refused: ${String(error)}`);
    }
    if (!this.#known.has(hash)) {
      this.#known.set(hash, outcome);
      this.counts.distinctImages++;
      this.counts.byHow.set(outcome.how, (this.counts.byHow.get(outcome.how) ?? 0) + 1);
    }
    const cut = new PowerCut(disk, () => 0);
    return { outcome, effects, after: cut.image(cut.all(KEPT)) };
  }

  #outcome(how: Outcome['how'], state: LogState | undefined, text: string): Outcome {
    const key = `${how} ${text}`;
    let outcome = this.#outcomes.get(key);
    if (outcome === undefined) {
      outcome = { id: this.#outcomes.size, how, state, text };
      this.#outcomes.set(key, outcome);
      this.counts.distinctOutcomes++;
    }
    return outcome;
  }
}

/**
 * A start of a sync changes nothing on the disk, so it adds nothing unless something was promised or handed in
 * meanwhile.
 */
function addsNothing(step: Step, before: Step | undefined): boolean {
  if (step.effect?.kind !== 'syncStart' || before === undefined) return false;
  const { history, issued, acknowledged, snapshot, created } = before;
  if (step.history !== history || step.issued !== issued || step.created !== created) return false;
  return step.acknowledged === acknowledged && step.snapshot === snapshot;
}

function whatIsWrong(outcome: Outcome, step: Step, torn: boolean): string | undefined {
  if (outcome.state === undefined) return 'it must open';
  if (outcome.how === 'created' && step.created) return 'the log must be there';
  if (outcome.how === 'decided' && !torn) return 'it must open without a decision: no sector is torn';
  const { history, acknowledged, issued, snapshot } = step;
  if (snapshot > outcome.state.snapshot.index && snapshot <= outcome.state.hardState.commit)
    return `snapshot ${snapshot}`;
  return history.allows(outcome.state, acknowledged, issued, outcome.id)
    ? undefined
    : history.describe(acknowledged, issued);
}

/** A promise that did not hold after a power cut. */
export class Loss extends Error {
  /** The step of the scenario, if it is known. */
  readonly step: number | undefined;

  constructor(what: { number?: number; step?: Step; choice: string; wrong: string; found: string }) {
    const { effect, call } = what.step ?? {};
    const where =
      effect === undefined ? '' : `, after ${effect.kind} by ${call?.op} ${call?.path} ${call?.position ?? ''}`;
    super(
      `step ${what.number ?? '?'}${where}\n  cut: ${what.choice}\n  expected: ${what.wrong}\n  found: ${what.found}`,
    );
    this.step = what.number;
  }
}
