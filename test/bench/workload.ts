import { parseArgs } from 'node:util';

/** What every workload program takes: the flags of its Go counterpart that a comparison needs. */
export interface WorkloadFlags {
  /** Measured operations; the program's own default if not given. */
  readonly n: number | undefined;
  /** Payload bytes of an entry. */
  readonly size: number;
  /** Entries in flight: one case each. */
  readonly inFlight: readonly number[];
  /** The one variant or scenario to run; all if not given. */
  readonly only: string | undefined;
}

export function workloadFlags(): WorkloadFlags {
  const { values } = parseArgs({
    options: {
      n: { type: 'string' },
      size: { type: 'string', default: '256' },
      k: { type: 'string', default: '1,64,256' },
      only: { type: 'string' },
    },
  });
  return {
    n: values.n === undefined ? undefined : Number(values.n),
    size: Number(values.size),
    inFlight: values.k.split(',').map(Number),
    only: values.only,
  };
}

/** One line of JSON, last on standard output, in the shape of the Go program of the same name. */
export function print(program: string, results: readonly object[]): void {
  process.stdout.write(`${JSON.stringify({ program, results })}\n`);
}

/** A rate rounded to a whole number. */
export function perSecond(n: number, seconds: number): number {
  return Math.round(n / seconds);
}

/**
 * Collects garbage if the process was started with --expose-gc, so that a timed part does not pay for the one before.
 */
export function collectGarbage(): void {
  globalThis.gc?.();
}
