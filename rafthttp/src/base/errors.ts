import { describeError as describe, hasCode } from '@raft-ts/proto/internal';
import type { ERR_MESSAGE_INVALID } from '@raft-ts/raft';
import { describeTlsError } from './tls-errors.js';

/** An option of the transport is invalid; the text names it. */
export const ERR_TRANSPORT_OPTIONS = 'ERR_RAFT_TRANSPORT_OPTIONS';
/**
 * A URL at which no member can be dialled. `reason`: `too-long` for the path of a Unix socket, `no-tls` for `https`
 * without certificates.
 */
export const ERR_PEER_URL = 'ERR_RAFT_PEER_URL';
/** The transport cannot listen there: `reason` is `stopped`, `no-tls`, `too-long` or the system's code. */
export const ERR_LISTEN = 'ERR_RAFT_LISTEN';
/** Certificates cannot be used: `reason` is `files`, `crl` or `options`. */
export const ERR_TLS = 'ERR_RAFT_TLS';
/**
 * A snapshot has no body, or cannot have one. `reason`: `message` if the message is not a MsgSnap; `missing`,
 * `ambiguous` or `full` for the folder in which bodies wait.
 */
export const ERR_SNAPSHOT_BODY = 'ERR_RAFT_SNAPSHOT_BODY';
/** The bytes of a stream are malformed; `reason` is a `StreamFault`. Ends the stream; never reaches the application. */
export const ERR_STREAM = 'ERR_RAFT_STREAM';
/** An optional package that is needed here is not installed; `reason` is its name. */
export const ERR_OPTIONAL_PEER = 'ERR_RAFT_OPTIONAL_PEER';

/**
 * The code that raft throws for a message that no correct member sends. Only types of raft are imported, so it is
 * repeated here.
 */
const invalidMessage: typeof ERR_MESSAGE_INVALID = 'ERR_RAFT_MESSAGE_INVALID';

/** Says in one line what went wrong, as `describeError` of proto; OpenSSL's errors in words. */
export function describeError(error: unknown): string {
  const text = describe(error);
  return describeTlsError(text) ?? text;
}

/** Is this what a receiver throws for a message that no correct member sends? */
export function isInvalidMessage(error: unknown): boolean {
  return hasCode(error, invalidMessage);
}

/** Most characters of an error that an answer repeats. */
const MAX_ANSWERED_LENGTH = 200;

/** As `describeError`, for an answer to a peer: a single short line, because what a store throws may hold anything. */
export function describeErrorInLine(error: unknown): string {
  return describeError(error).replace(/\s+/gu, ' ').slice(0, MAX_ANSWERED_LENGTH);
}
