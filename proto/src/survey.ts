import { MAX_ENTRIES, MAX_FIELDS } from './codes.js';
import { MessageType, NONE, type NodeId } from './records.js';
import {
  enterRecord,
  leaveRecord,
  newReader,
  type Reader,
  readId,
  readLength,
  readTag,
  readType,
  skipField,
  tooMany,
} from './wire-reader.js';

/** What the bytes of a message tell before any of it is built: enough to refuse it. */
export interface MessageHead {
  readonly type: MessageType;
  readonly to: NodeId;
  readonly from: NodeId;
  /** Number of entries. */
  readonly entries: number;
  /** Number of messages in `responses`, not counting those nested in them. */
  readonly responses: number;
  /** Length of the snapshot's metadata, most of which is the configuration, in bytes. */
  readonly metadataBytes: number;
  /** Length of the fields that this version does not know, which the decoder skips. */
  readonly unknownBytes: number;
  /** Length of the message. */
  readonly bytes: number;
}

type Findings = { -readonly [K in keyof MessageHead]: MessageHead[K] };

/** Most fields of a message other than entries, counting repetitions: messages that travel have no responses. */
const MAX_OTHER_FIELDS = MAX_FIELDS;

function surveySnapshot(r: Reader, head: Findings): void {
  const outer = enterRecord(r);
  let fields = 0;
  while (r.pos < r.len) {
    if (++fields > MAX_FIELDS) throw tooMany(r, 'fields in a snapshot', MAX_FIELDS);
    const { pos } = r;
    const tag = readTag(r);
    skipField(r, tag);
    if (tag === 0x12) head.metadataBytes += r.pos - pos;
    else if (tag !== 0x0a) head.unknownBytes += r.pos - pos;
  }
  leaveRecord(r, outer);
}

/** Tags of the known fields whose values the survey skips. */
const steppedOver: ReadonlySet<number> = new Set([0x20, 0x28, 0x30, 0x40, 0x50, 0x58, 0x62, 0x68]);

/** Reads on to `stop`. Returns the number of fields other than entries. */
function surveyFields(r: Reader, head: Findings, stop: number): number {
  let others = 0;
  while (r.pos < stop) {
    const { pos } = r;
    const tag = readTag(r);
    if (tag === 0x3a) {
      const length = readLength(r);
      r.pos += length;
      if (++head.entries > MAX_ENTRIES) throw tooMany(r, 'entries in a message', MAX_ENTRIES);
      continue;
    }
    if (++others > MAX_OTHER_FIELDS) throw tooMany(r, 'fields in a message', MAX_OTHER_FIELDS);
    switch (tag) {
      case 0x08:
        head.type = readType(r) as MessageType;
        break;
      case 0x10:
        head.to = readId(r);
        break;
      case 0x18:
        head.from = readId(r);
        break;
      case 0x4a:
        surveySnapshot(r, head);
        break;
      case 0x72:
        head.responses++;
        skipField(r, tag);
        break;
      default:
        skipField(r, tag);
        if (!steppedOver.has(tag)) head.unknownBytes += r.pos - pos;
    }
  }
  return others;
}

/**
 * Reads what a message is and how much of it there is, without building any of it, and yields each time that it has
 * read about `turnBytes`.
 *
 * @throws RaftError `ERR_RAFT_DECODE` as `decodeMessage`, as far as it looks
 */
export function* surveyMessage(
  bytes: Uint8Array,
  turnBytes: number = Number.POSITIVE_INFINITY,
  start = 0,
  end: number = bytes.length,
): Generator<void, MessageHead> {
  const r = newReader(bytes);
  r.pos = start;
  r.len = end;
  const head: Findings = {
    type: MessageType.MsgHup,
    to: NONE,
    from: NONE,
    entries: 0,
    responses: 0,
    metadataBytes: 0,
    unknownBytes: 0,
    bytes: end - start,
  };
  let others = 0;
  for (;;) {
    others += surveyFields(r, head, Math.min(end, r.pos + turnBytes));
    if (others > MAX_OTHER_FIELDS) throw tooMany(r, 'fields in a message', MAX_OTHER_FIELDS);
    if (r.pos >= end) return head;
    yield;
  }
}
