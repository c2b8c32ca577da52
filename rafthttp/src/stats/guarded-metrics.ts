import type { TransportMetrics } from './metrics.js';

// A call that is missing here does not compile.
const calls = Object.keys({
  peerActive: true,
  peerInactive: true,
  sentBytes: true,
  receivedBytes: true,
  sendFailed: true,
  receiveFailed: true,
  snapshotSendBegan: true,
  snapshotSent: true,
  snapshotSendFailed: true,
  snapshotReceiveBegan: true,
  snapshotReceived: true,
  snapshotReceiveFailed: true,
  roundTrip: true,
  forget: true,
} satisfies Record<keyof TransportMetrics, true>) as (keyof TransportMetrics)[];

/**
 * Returns metrics that pass each call on and never throw: an exception in the middle of a stream or a transfer would
 * end it, or the process.
 *
 * @param failed gets what a call threw
 */
export function guardedMetrics(
  metrics: TransportMetrics,
  failed: (call: string, error: unknown) => void,
): TransportMetrics {
  const guard =
    (name: keyof TransportMetrics) =>
    (...args: unknown[]): void => {
      try {
        (metrics[name] as (...args: unknown[]) => void).apply(metrics, args);
      } catch (error) {
        failed(name, error);
      }
    };
  return Object.fromEntries(calls.map((name) => [name, guard(name)])) as unknown as TransportMetrics;
}
