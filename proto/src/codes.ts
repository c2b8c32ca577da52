import { RaftError } from './errors.js';

/**
 * A term, index or other position is not an integer from 0 to 2^53 - 1, an id is not a bigint from 0 to 2^64 - 1, or a
 * type is not a signed 32-bit integer. `reason` is the name of the field. etcd takes positions up to 2^64 - 1; such a
 * number would lose its last bits here, so it is refused on the way in and on the way out.
 */
export const ERR_POSITION_RANGE = 'ERR_RAFT_POSITION_RANGE';

/**
 * An argument, or a part of it, has the wrong type: a string instead of bytes, a number instead of an id. `reason`
 * names it: `data`, `message.entries[0].term`. Nothing was changed.
 */
export const ERR_ARGUMENT = 'ERR_RAFT_ARGUMENT';

/**
 * The bytes are not an encoding of the record. `reason` says what is wrong: `truncated`, `varint`, `field-number`,
 * `wire-type` or `group`, which etcd refuses too; or `nesting`, or `limit` (more fields, entries, responses, ids or
 * steps than a correct member sends), which etcd accepts.
 */
export const ERR_DECODE = 'ERR_RAFT_DECODE';

/** The record cannot be encoded. `reason`: `no-room` (the caller's buffer is too small) or `nesting`. */
export const ERR_ENCODE = 'ERR_RAFT_ENCODE';

/**
 * How deeply messages may be nested in `responses`, and groups of unknown fields in each other. Each level of messages
 * costs stack. Raft itself needs two: a message to a storage thread and its responses. etcd allows 10,000, which may
 * exceed a JavaScript stack.
 */
export const MAX_NESTING = 128;

/** Most entries in one message. An empty entry takes two bytes on the wire, but an object of about 70 in memory. */
export const MAX_ENTRIES = 1_048_576;

/** Most messages in a message's `responses`, at all levels together. */
export const MAX_RESPONSES = 1_048_576;

/** Most ids in each list of a configuration. */
export const MAX_IDS = 1_048_576;

/**
 * Most fields in an entry, a snapshot, or an unknown group. They have at most six today and later versions will add
 * few, while a record that repeats its fields would keep the reader busy for nothing.
 */
export const MAX_FIELDS = 1024;

/** Longer byte strings are not copied if the message may keep its bytes: one copy would block for too long. */
export const LARGEST_COPY: number = 32 * 1024 * 1024;

/**
 * Most steps in one membership change: far more than any cluster needs. A step takes two bytes on the wire but about a
 * hundred in memory, so steps beyond the limit are checked but not kept. etcd has no limit.
 */
export const MAX_CONF_CHANGES = 16_384;

/** Builds the error for a value out of range; `field` is `Record.field`. */
export function outOfRange(field: string, value: unknown, allowed: string): RaftError {
  const text = typeof value === 'bigint' ? `${value}n` : String(value);
  return new RaftError(ERR_POSITION_RANGE, `${field} is ${text}; allowed: ${allowed}`, {
    reason: field.slice(field.indexOf('.') + 1),
  });
}

export const POSITION_RANGE = 'an integer from 0 to 2^53 - 1';
export const ID_RANGE = 'a bigint from 0 to 2^64 - 1';
export const TYPE_RANGE = 'a signed 32-bit integer';
