/**
 * `@raft-ts/proto`: etcd's raft messages as flat records (`records.ts`), who sends what (`protocol.ts`), and their
 * bytes on the wire and on disk, the same as etcd's (`raft.proto` describes them).
 */
export {
  ERR_ARGUMENT,
  ERR_DECODE,
  ERR_ENCODE,
  ERR_POSITION_RANGE,
  MAX_CONF_CHANGES,
  MAX_ENTRIES,
  MAX_NESTING,
} from './codes.js';
export {
  decodeEntry,
  decodeHardState,
  decodeMessage,
} from './decode.js';
export { decodeConfChange, decodeConfChangeV2 } from './decode-conf-change.js';
export { decodeConfState, decodeSnapshot, decodeSnapshotMetadata } from './decode-snapshot.js';
export {
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
  encodeSnapshotMetadata,
} from './encode.js';
export * from './errors.js';
export { isLocalMessage, isResponseMessage, messageName, protocol } from './protocol.js';
export { printableLine, quoteBytes, quoteText, SHOWN_LENGTH } from './quote.js';
export * from './records.js';
export { type ConfChangeOptions, entrySize, hardStateSize, messageSize, payloadSize } from './size.js';
