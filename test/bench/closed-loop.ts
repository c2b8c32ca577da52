/** Calls that one program makes, so many at a time, each client's next one when its last was answered. */
import { collectGarbage, perSecond } from './workload.js';

export interface LoopPlan {
  readonly inFlight: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}

export interface LoopResult {
  readonly ops_per_s: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

export async function closedLoop(
  { inFlight, warmSeconds, seconds }: LoopPlan,
  call: (i: number) => Promise<unknown>,
): Promise<LoopResult> {
  let made = 0;
  let end = performance.now() + warmSeconds * 1000;
  const warming = async (): Promise<void> => {
    while (performance.now() < end) await call(made++);
  };
  await Promise.all(Array.from({ length: inFlight }, warming));
  collectGarbage();
  const times: number[] = [];
  const began = performance.now();
  end = began + seconds * 1000;
  const client = async (): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await call(made++);
      const after = performance.now();
      if (after <= end) times.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  times.sort((a, b) => a - b);
  // The least time that at least this share of the calls did not exceed, as in the reference.
  const at = (share: number): number =>
    Math.round((times[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0) * 1000);
  return { ops_per_s: perSecond(times.length, seconds), p50_us: at(0.5), p99_us: at(0.99) };
}
