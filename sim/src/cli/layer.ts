import type { Lanes } from '../report/recording.js';
import type { Finding, Outcome } from '../run/run.js';
import type { AnyCase } from '../run/schedule-file.js';
import type { Script } from '../script/script.js';
import { rawNodes } from './raw-nodes.js';
import { replicas } from './replicas.js';

/** What a call asks of each run. Plain data: it is handed to threads. */
export interface RunOptions {
  readonly layer: LayerNumber;
  readonly members: number | undefined;
  readonly safetyMs: number | undefined;
  readonly faults: readonly string[] | undefined;
  /** Count rare states, where the layer can. */
  readonly covers?: boolean;
}

/** Which rare states a run met, and which combinations: how often each. */
export interface Covered {
  readonly marks: Uint32Array;
  readonly cells: Uint32Array;
}

/** A case, and what came of it. */
export interface Ran<C extends AnyCase = AnyCase> {
  readonly case: C;
  readonly outcome: Outcome;
}

/** What the command needs of a layer. */
export interface Layer<C extends AnyCase = AnyCase> {
  /** The kinds of faults that it has. */
  readonly faults: readonly string[];
  /** Length of the phase with faults, unless a call says otherwise. */
  readonly safetyMs: number;
  readonly draw: (seed: number, options: Omit<RunOptions, 'layer' | 'covers'>) => C;
  /** Runs a case, and nothing of the host is in its reach. */
  readonly run: (of: C) => Outcome | Promise<Outcome>;
  /** The same, and counts what it met. */
  readonly cover?: (of: C) => { readonly outcome: Outcome; readonly covered: Covered };
  readonly record: (of: C) => Promise<{ readonly outcome: Outcome; readonly lanes: Lanes }>;
  /** Tells what leads to the broken rule call by call, where the layer can. */
  readonly script?: (of: C) => Script;
  readonly shorten: (of: C, finding: Finding) => Promise<Ran<C> & { readonly runs: number }>;
}

export type LayerNumber = 1 | 2;

/** The layers by their numbers. A case that was read from a file is of the layer that the file names. */
export const LAYERS: Record<LayerNumber, Layer> = { 1: rawNodes as Layer, 2: replicas as Layer };
