import { parseArgs } from 'node:util';
import { LAYERS, type LayerNumber, type RunOptions } from './layer.js';
import { SITUATION_NAMES } from './situation.js';

export const USAGE: string = `Runs whole clusters in one process, each from one seed, with faults, and checks every rule after every event.
Layer 1 are RawNodes; layer 2 are replicas as they are shipped, with the files of their logs, and registers that they
replicate.

Usage: raft-sim [OPTION…]            runs new clusters
       raft-sim --replay FILE        runs one again that broke a rule
       raft-sim SITUATION            tells step by step what becomes of five members

  --layer L      1 or 2 (default 1)
  --seeds N      that many runs (default 100; without an end if --minutes is given)
  --seed S       the first one has this seed, the next S + 1 (default: drawn, and printed)
  --minutes M    ends after so many minutes
  --jobs N       that many at the same time (default 1)
  --members N    so many voters at the start (default: drawn for each run)
  --seconds T    so many seconds of virtual time with faults in each run (default 30; in layer 2, 20)
  --faults LIST  only these kinds of faults, with commas between them (storm alone: storms, well apart):
${wrap(LAYERS[1].faults, 17)}
                 in layer 2:
${wrap(LAYERS[2].faults, 17)}
  --out FOLDER   where failures are written (default: raft-sim-found)
  --replay FILE  runs a schedule that a failure has written, and prints what comes of it
  --html FILE    with --replay: writes a timeline of the run
  --report       layer 1: tells which rare states the runs met, and how often
  --help         this text

Situations, with --seed S, --no-pre-vote, --no-check-quorum and --no-table as their options:
${SITUATION_NAMES}

A run that breaks a rule is made as short as possible, then written as a schedule that --replay runs again, and as a
timeline that a browser shows. In layer 1 it is written as a script of etcd's interaction tests too, call by call, with
what every member prints: npm run interact -- --check FILE, in a clone of the repository, plays it and compares. Exit
code: 0 if no rule was broken, 1 if one was, 2 for a wrong call.
`;

function wrap(words: readonly string[], indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const next = line === '' ? word : `${line},${word}`;
    if (next.length > 90) {
      lines.push(`${line},`);
      line = word;
    } else {
      line = next;
    }
  }
  return [...lines, line].map((text) => ' '.repeat(indent) + text).join('\n');
}

export interface Call extends RunOptions {
  readonly help: boolean;
  readonly report: boolean;
  readonly seeds: number;
  readonly seed: number | undefined;
  /** Milliseconds on the clock; infinite if not given. */
  readonly limitMs: number;
  readonly jobs: number;
  readonly safetyMs: number;
  readonly out: string;
  readonly replay: string | undefined;
  readonly html: string | undefined;
}

/** @throws Error that says what is wrong with the call */
export function readCall(args: readonly string[]): Call {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      layer: text,
      seeds: text,
      seed: text,
      minutes: text,
      jobs: text,
      members: text,
      seconds: text,
      faults: text,
      out: text,
      replay: text,
      html: text,
      report: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { minutes, replay, html, out = 'raft-sim-found' } = values;
  if (html !== undefined && replay === undefined) throw new Error('--html belongs to --replay');
  const layer = (whole('layer', values.layer, 1, 2) ?? 1) as LayerNumber;
  const limitMs = minutes === undefined ? Number.POSITIVE_INFINITY : 60_000 * positive('minutes', minutes);
  return {
    help: values.help === true,
    layer,
    report: values.report === true,
    seeds: whole('seeds', values.seeds, 1, 1e9) ?? (minutes === undefined ? 100 : Number.POSITIVE_INFINITY),
    seed: whole('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    limitMs,
    jobs: whole('jobs', values.jobs, 1, 256) ?? 1,
    members: whole('members', values.members, 1, 7),
    safetyMs: 1000 * (whole('seconds', values.seconds, 1, 1_000_000) ?? LAYERS[layer].safetyMs / 1000),
    faults: values.faults === undefined ? undefined : readFaults(values.faults, LAYERS[layer].faults),
    out,
    replay,
    html,
  };
}

function whole(name: string, text: string | undefined, low: number, high: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  throw new Error(`--${name} must be a whole number from ${low} to ${high}, not ${text}`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name} must be a number above 0, not ${text}`);
}

function readFaults(text: string, kinds: readonly string[]): string[] {
  return text.split(',').map((name) => {
    const fault = kinds.find((known) => known === name);
    if (fault === undefined)
      throw new Error(`--faults: no kind of fault is called ${name}; they are ${kinds.join(', ')}`);
    return fault;
  });
}
