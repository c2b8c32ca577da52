/** Decodes the membership change in an entry's data. */
import { ERR_DECODE, MAX_CONF_CHANGES } from './codes.js';
import { RaftError } from './errors.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  NONE,
} from './records.js';
import {
  enterRecord,
  leaveRecord,
  newReader,
  type Reader,
  readId,
  readOptionalBytes,
  readTag,
  readType,
  skipField,
} from './wire-reader.js';

/** Reads a membership change of the first form, as `decodeMessage`. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  const r = newReader(bytes);
  let id = 0n;
  let type: ConfChangeType = ConfChangeType.ConfChangeAddNode;
  let nodeId = NONE;
  let context: Uint8Array | undefined;
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        id = readId(r);
        break;
      case 0x10:
        type = readType(r) as ConfChangeType;
        break;
      case 0x18:
        nodeId = readId(r);
        break;
      case 0x22:
        context = readOptionalBytes(r);
        break;
      default:
        skipField(r, tag);
    }
  }
  return { id, type, nodeId, context };
}

function readConfChangeSingle(r: Reader): ConfChangeSingle {
  let type: ConfChangeType = ConfChangeType.ConfChangeAddNode;
  let nodeId = NONE;
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        type = readType(r) as ConfChangeType;
        break;
      case 0x10:
        nodeId = readId(r);
        break;
      default:
        skipField(r, tag);
    }
  }
  return { type, nodeId };
}

/**
 * Reads a membership change of the second form, as `decodeMessage`.
 * @throws ERR_RAFT_DECODE; with reason `limit` if only the number of steps is wrong
 */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  const r = newReader(bytes);
  let transition: ConfChangeTransition = ConfChangeTransition.ConfChangeTransitionAuto;
  const changes: ConfChangeSingle[] = [];
  let steps = 0;
  let context: Uint8Array | undefined;
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        transition = readType(r) as ConfChangeTransition;
        break;
      case 0x12: {
        const outer = enterRecord(r);
        const change = readConfChangeSingle(r);
        if (++steps <= MAX_CONF_CHANGES) changes.push(change);
        leaveRecord(r, outer);
        break;
      }
      case 0x1a:
        context = readOptionalBytes(r);
        break;
      default:
        skipField(r, tag);
    }
  }
  if (steps > MAX_CONF_CHANGES) {
    throw new RaftError(ERR_DECODE, `membership change of ${steps} steps; the limit is ${MAX_CONF_CHANGES}`, {
      reason: 'limit',
    });
  }
  return { transition, changes, context };
}
