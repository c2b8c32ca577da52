import { LOCAL_APPLY_THREAD, type NodeId } from '@raft-ts/proto';
import { UsageError } from './usage.js';

/** Parses an id: decimal, 1 to 2^64 - 3 (the two numbers above name raft's local threads). */
export function parseId(flag: string, text: string): NodeId {
  const id = /^\d{1,20}$/u.test(text) ? BigInt(text) : 0n;
  if (id >= 1n && id < LOCAL_APPLY_THREAD) return id;
  throw new UsageError(`${flag} wants a member's number, 1 or more, not '${text}'`);
}
