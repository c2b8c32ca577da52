import { describeError, hasCode } from '@raft-ts/proto/internal';
import type { ERR_MESSAGE_INVALID } from '@raft-ts/raft';

export { describeError };

/** An option of the transport makes no sense; the text names it. */
export const ERR_TRANSPORT_OPTIONS = 'ERR_RAFT_TRANSPORT_OPTIONS';
/**
 * A URL at which no member can be dialled: `reason` is `too-long` of the path of a Unix socket, `no-tls` of `https`
 * without certificates.
 */
export const ERR_PEER_URL = 'ERR_RAFT_PEER_URL';
/** The transport cannot listen there: `reason` is `stopped`, `no-tls`, `too-long` or the system's code. */
export const ERR_LISTEN = 'ERR_RAFT_LISTEN';
/** Certificates cannot be used: `reason` is `files`, `crl` or `options`. */
export const ERR_TLS = 'ERR_RAFT_TLS';
/**
 * A snapshot and its body do not go together: `reason` is `message` for one that is no MsgSnap; `missing`, `ambiguous`
 * or `full` of the folder in which bodies wait.
 */
export const ERR_SNAPSHOT_BODY = 'ERR_RAFT_SNAPSHOT_BODY';
/**
 * The bytes of a stream are not what such a stream holds; `reason` is a `StreamFault`. It ends the stream, and no call
 * of the application gets it.
 */
export const ERR_STREAM = 'ERR_RAFT_STREAM';
/** A package that this use needs is not installed; `reason` is its name. */
export const ERR_OPTIONAL_PEER = 'ERR_RAFT_OPTIONAL_PEER';

/**
 * What raft throws at a message that no correct member sends. Only types of raft are imported, so its code stands here.
 */
const invalidMessage: typeof ERR_MESSAGE_INVALID = 'ERR_RAFT_MESSAGE_INVALID';

/** Is this what a receiver throws at a message that no correct member sends? */
export function isInvalidMessage(error: unknown): boolean {
  return hasCode(error, invalidMessage);
}

/** Most characters of an error in an answer. */
const MAX_ANSWERED_LENGTH = 200;

/** As `describeError`, for an answer to a peer: a single short line, because what a store throws may hold anything. */
export function describeErrorInLine(error: unknown): string {
  return describeError(error).replace(/\s+/gu, ' ').slice(0, MAX_ANSWERED_LENGTH);
}
