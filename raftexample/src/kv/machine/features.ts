import type { NodeId } from '@raft-ts/raft';
import type { OpenFeatures } from '@raft-ts/replica';
import { type Fields, isWhole } from './fields.js';

/**
 * The level of features that this version understands. 1: what the format of members written in Go lacks, which pass
 * over operations that they do not know, and would have another state from then on. A member proposes such operations
 * only once it has applied an entry that opens them, so `apply` refuses them, and ends, below this level.
 */
export const FEATURES = 1;

const ids = /^[1-9]\d{0,19}$/u;

/** The entry that opens features: `{"op":"features","level","term","members":["1",…],"id"}`. */
export function encodeFeatures({ level, term, members }: OpenFeatures): object {
  return { op: 'features', level, term, members: members.map(String) };
}

/** `undefined` if its fields are not what they should be. */
export function decodeFeatures({ level, term, members }: Fields): OpenFeatures | undefined {
  if (!isWhole(level) || !isWhole(term) || !Array.isArray(members)) return undefined;
  const found: NodeId[] = [];
  for (const id of members as readonly unknown[]) {
    if (typeof id !== 'string' || !ids.test(id)) return undefined;
    found.push(BigInt(id));
  }
  return { kind: 'features', level, term, members: found };
}
