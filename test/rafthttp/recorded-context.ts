import { defaultTimings, Features, Gateway, LogBudget, Warnings, type WriterContext } from '@raft-ts/rafthttp/internal';
import type { Recorder } from './members.js';

/** A context without a transport: what is logged and reported is remembered by the recorder. */
export function contextOf(receiver: Recorder): WriterContext {
  const note = (level: string) => (text: string) => receiver.log.push(`${level} ${text}`);
  const logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const timings = { ...defaultTimings, heartbeatMs: 100, writeTimeoutMs: 1000 };
  const features = new Features(new Warnings(new LogBudget(logger, () => true)));
  return { features, gateway: new Gateway(1n, receiver, logger), logger, timings, metrics: undefined };
}

/** The warnings among what was logged. */
export const warnings = ({ log }: Recorder): string[] => log.filter((line) => line.startsWith('warn'));
