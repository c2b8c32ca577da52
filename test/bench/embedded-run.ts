/** What the programs of the `embedded` workload tell each other. */
import type { LoopPlan, LoopResult } from './closed-loop.js';

export const OPS = ['put', 'get'] as const;
export type Op = (typeof OPS)[number];

export interface Order extends LoopPlan {
  readonly op: Op;
  readonly valueBytes: number;
}

/** From a program to the bench: that it is ready, or leads, or what a run gave. */
export type Report =
  | { readonly kind: 'ready'; readonly leader: boolean }
  | { readonly kind: 'done'; readonly result: LoopResult }
  | { readonly kind: 'failed'; readonly why: string };

const KEYS = 1000;

export function keyOf(i: number): string {
  return `k${String((i * 7919) % KEYS).padStart(6, '0')}`;
}

export function valueOf({ valueBytes }: Order): string {
  return 'v'.repeat(valueBytes);
}

export const allKeys: readonly string[] = Array.from({ length: KEYS }, (_, i) => keyOf(i));

export function report(one: Report): void {
  process.send?.(one);
}

/** Carries out what the bench orders, one after the other, and ends with it. */
export function serve(run: (order: Order) => Promise<LoopResult>): void {
  process.on('message', (order: Order) => {
    run(order).then(
      (result) => report({ kind: 'done', result }),
      (error: unknown) => report({ kind: 'failed', why: error instanceof Error ? `${error.stack}` : String(error) }),
    );
  });
  process.once('disconnect', () => process.exit());
}
