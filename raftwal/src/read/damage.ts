/**
 * Judges the end of a log: this is where a torn write is told from damage. `docs/wal.md` has a table of the outcomes.
 *
 * The format does not say what was synced, so this rests on how logs are written. One write is under way at a time,
 * into zeros, and each is durable before the next begins; so a power cut can tear only the last write. Each sector of
 * 512 bytes of a torn write is either there or not. And no write of ours has a State or Snapshot after a record of
 * another kind: if one can be read after the damage, it came with a later write, so the damaged record had been
 * durable.
 *
 * ```
 * one file of the log, in sectors
 * │Crc Metadata State Ent│ry Entry State Entry  E│▒▒▒▒▒▒▒▒▒▒▒│ntry  State│00000000000│
 *  └─ the head ────────┘                         └ offset: the      └ evidence, if it says more than
 *                                                  first record       the last State before the damage
 *                                                  that fails
 *
 * asked in this order                                                    if so
 * 1  Is this not the last file, or is its head damaged?                  corrupt    durable before a file got its name
 * 2  Does evidence follow?                                               corrupt    written when this was durable
 * 3  Is the length field alone wrong, and the record after it intact?    undecided  no torn write does that
 * 4  Is a whole sector of the record zeros, or cut off with the file?    torn       nothing shows an acknowledgement
 * 5  None of these.                                                      undecided  a torn write loses whole sectors
 *
 * then, unless it is corrupt, and also if nothing is damaged:
 * 6  Does the mark beside the log point beyond the offset?               lost       it had been acknowledged
 * ```
 *
 * `judgeEarlier` and `judgeLast` ask 1, `judge` asks 1 to 5, `lostEnd` asks 6.
 */
import type { HardState } from '@raft-ts/proto';
import { high, low, readVarint } from '@raft-ts/proto/internal';
import { ERR_WAL_CORRUPT, ERR_WAL_TORN, ERR_WAL_UNDECIDED, WalError } from '../base/errors.js';
import { SECTOR_SIZE } from '../base/fs.js';
import { updateCrc } from '../format/crc.js';
import { ALIGNMENT, FRAME_HEAD, paddingOf, readFrameHead } from '../format/frame.js';
import { type Content, contentOf, decodeRecord, RecordType } from '../format/record.js';
import { hex16 } from '../format/segment-name.js';
import { isBeyond, type MarkPlace } from '../mark/log-mark.js';
import type { Chain } from './chain.js';
import type { Defect, LastRecordsEnd } from './segment-reader.js';

const TWO_TO_32 = 0x100000000;

/** What is known about damage. */
export type Verdict =
  /** What a power cut leaves of a write that was never acknowledged, as far as the log shows. */
  | 'torn'
  /** It does not look like a torn write, and nothing proves that it was acknowledged. */
  | 'undecided'
  /** It had been durable. */
  | 'corrupt'
  /** Records beyond had been acknowledged, as the mark beside the log shows (mark/log-mark.ts). */
  | 'lost';

/** What is damaged in a log, where, and what follows from it. */
export interface Damage {
  readonly verdict: Verdict;
  readonly file: string;
  /** Offset of the first record that cannot be read. */
  readonly offset: number;
  /** Describes what is wrong there. */
  readonly what: string;
  /** Explains the verdict. */
  readonly why: string;
}

const codes: Readonly<Record<Verdict, string>> = {
  torn: ERR_WAL_TORN,
  undecided: ERR_WAL_UNDECIDED,
  corrupt: ERR_WAL_CORRUPT,
  lost: ERR_WAL_CORRUPT,
};

/** What the operator should do. docs/wal.md has the reasons. */
const advice: Readonly<Record<Verdict, string>> = {
  torn: 'raft-wal repair cuts it off',
  undecided: 'decide whether to cut it (raft-wal repair --cut), or remove this member and add it anew',
  corrupt: 'remove this member and add it anew, or restore a backup of the whole cluster',
  lost: 'put back what is missing, or remove this member and add it anew',
};

export function damageError(damage: Damage): WalError {
  const { verdict, file, offset, what, why } = damage;
  return new WalError(codes[verdict], `${what}: ${why}; ${advice[verdict]}`, { file, offset, reason: verdict });
}

/** Everything on which the verdict depends. */
export interface DamagedTail {
  readonly file: string;
  /** Offset of the first record that cannot be read. */
  readonly offset: number;
  readonly defect: Defect;
  /** The file from `offset` on, to its end. */
  readonly bytes: Uint8Array;
  /** Number of bytes before the zeros at the end. */
  readonly used: number;
  /** The value of the chain before it. */
  readonly chain: number;
  /** The last hard state before it. */
  readonly state: HardState | undefined;
  /** Whether the head of this file was read. It is durable before the file gets its name. */
  readonly headRead: boolean;
}

const HEAD_IS_DURABLE = 'the head of a file is durable before the file gets its name';

/** Refuses damage in a file that is not the last one. @throws WalError `ERR_RAFT_WAL_CORRUPT` */
export function judgeEarlier(file: string, offset: number, defect: Defect | undefined): void {
  if (defect === undefined) return;
  // Only the last file can be torn: the others were synced before the next one had its name.
  const why = 'this is not the last file of the log';
  throw damageError({ verdict: 'corrupt', file, offset, what: defect, why });
}

/** Judges the end of the last file; undefined if it ends well. @throws WalError `ERR_RAFT_WAL_CORRUPT` */
export function judgeLast(file: string, end: LastRecordsEnd, chain: Chain): Damage | undefined {
  const { offset, defect, headRead } = end;
  if (defect === undefined) {
    if (headRead) return undefined;
    throw damageError({ verdict: 'corrupt', file, offset, what: 'no records', why: HEAD_IS_DURABLE });
  }
  const damage = judge({ ...end, defect, file, chain: chain.value, state: chain.state });
  if (damage.verdict === 'corrupt') throw damageError(damage);
  return damage;
}

/** Judges the damage. */
export function judge(tail: DamagedTail): Damage {
  const { file, offset, defect } = tail;
  const damage = (verdict: Verdict, why: string): Damage => ({ verdict, file, offset, what: defect, why });
  if (!tail.headRead) return damage('corrupt', HEAD_IS_DURABLE);
  const evidence = laterRecord(tail);
  if (evidence !== undefined) {
    return damage('corrupt', `the ${evidence.content} at byte ${evidence.offset} was written after this was durable`);
  }
  if (defect !== 'bytes after the end' && intactAfterLength(tail)) {
    return damage('undecided', 'only the length field is damaged, and a torn write does not do that');
  }
  return hasTornShape(tail)
    ? damage('torn', 'an unfinished write')
    : damage('undecided', 'a torn write loses whole sectors, and none is missing here');
}

/** The end of a log, as far as the mark can judge it. */
export interface LogEnd {
  readonly segment: { readonly name: string; readonly sequence: number };
  readonly offset: number;
  readonly damage: Damage | undefined;
}

/** Returns the damage that the mark shows, if acknowledged records lie beyond the end of the log; else undefined. */
export function lostEnd(end: LogEnd, mark: MarkPlace | undefined): Damage | undefined {
  const { segment, offset, damage } = end;
  if (mark === undefined || !isBeyond(mark, { sequence: segment.sequence, offset })) return undefined;
  const where = mark.sequence === segment.sequence ? 'this file' : `file ${hex16(mark.sequence)}-*.wal`;
  const why = `the mark beside the log shows that it was acknowledged up to byte ${mark.offset} of ${where}`;
  return { verdict: 'lost', file: segment.name, offset, what: damage?.what ?? 'the log has lost its end', why };
}

/** Tells whether a torn write could have left this damage. */
function hasTornShape({ offset, defect, bytes }: DamagedTail): boolean {
  const untilBoundary = SECTOR_SIZE - (offset % SECTOR_SIZE);
  if (defect === 'longer than the file') return bytes.length < FRAME_HEAD || isLengthField(bytes);
  // The sector with the length field was lost, but other sectors of the same write were not.
  if (defect === 'bytes after the end') return isZero(bytes, 0, untilBoundary);
  const { size, padding } = readFrameHead(bytes, 0);
  const end = FRAME_HEAD + size + padding;
  for (let from = FRAME_HEAD, to = untilBoundary; from < end; from = Math.max(to, from), to += SECTOR_SIZE) {
    if (to > from && isZero(bytes, from, Math.min(to, end))) return true;
  }
  return false;
}

/** Tells whether size and padding agree. Eight arbitrary bytes rarely pass. */
function isLengthField(bytes: Uint8Array): boolean {
  const { size, padding } = readFrameHead(bytes, 0);
  return padding === paddingOf(size);
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  const end = Math.min(to, bytes.length);
  for (let i = from; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Tells whether the record itself is intact, so that only its length field can be wrong. */
function intactAfterLength({ bytes, chain }: DamagedTail): boolean {
  // A record contains its own length: it has a type, a sum, and data with a length.
  for (let end = FRAME_HEAD + 4; end <= Math.min(bytes.length, FRAME_HEAD + 14); end++) {
    const data = dataAt(bytes, FRAME_HEAD, end);
    if (data === undefined) continue;
    // If the field is right, something else is missing.
    if (readFrameHead(bytes, 0).size === end + data.length - FRAME_HEAD) return false;
    return updateCrc(chain, bytes, end, end + data.length) === data.crc;
  }
  return false;
}

/** Returns sum and length of the data if a record begins at `start` and its data begin at `end`. */
function dataAt(bytes: Uint8Array, start: number, end: number): { crc: number; length: number } | undefined {
  // The bytes before the data must be a valid record without data.
  for (let tag = start + 3; tag < end; tag++) {
    if (bytes[tag] !== 0x1a) continue;
    const length = lengthAt(bytes, tag + 1, end);
    if (length === undefined || end + length > bytes.length) continue;
    try {
      const { type, crc, data } = decodeRecord(bytes, start, tag);
      if (data === undefined && type >= RecordType.Metadata && type <= RecordType.Snapshot) return { crc, length };
    } catch {
      // Not a record.
    }
  }
  return undefined;
}

/** Reads the varint that occupies exactly [from, to). */
function lengthAt(bytes: Uint8Array, from: number, to: number): number | undefined {
  return readVarint(bytes, from, to) === to ? (high >>> 0) * TWO_TO_32 + (low >>> 0) : undefined;
}

/** A record after the damage which shows that the damaged record had been durable. */
export interface LaterRecord {
  readonly offset: number;
  /** For people. */
  readonly content: string;
}

/** Finds a State after the damage that says more than those before it, or a Snapshot. */
export function laterRecord(tail: DamagedTail): LaterRecord | undefined {
  const { bytes, used, offset } = tail;
  // Frames of very old logs are not aligned.
  const step = offset % ALIGNMENT === 0 ? ALIGNMENT : 1;
  let chain: number | undefined;
  for (let at = readableAt(bytes, 0) === undefined ? step : 0; at < used; ) {
    const found = readableAt(bytes, at);
    if (found === undefined) {
      chain = undefined;
      at += step;
      continue;
    }
    // The first record after a hole cannot be checked against the chain. All that follow it can, and one that fails is
    // ignored. Believing an unchecked record makes the verdict stricter, never milder.
    const fits = chain === undefined || updateCrc(chain, found.data) === found.crc;
    if (fits && at > 0) {
      const content = sayingMore(found.content, tail.state);
      if (content !== undefined) return { offset: offset + at, content };
    }
    chain = found.crc;
    at += found.length;
  }
  return undefined;
}

interface Readable {
  readonly content: Content;
  readonly crc: number;
  readonly data: Uint8Array;
  readonly length: number;
}

/** Returns the frame at this place if it holds a record whose data fit its type. */
function readableAt(bytes: Uint8Array, at: number): Readable | undefined {
  if (at + FRAME_HEAD + 4 > bytes.length) return undefined;
  const { size, padding } = readFrameHead(bytes, at);
  const start = at + FRAME_HEAD;
  if (size === 0 || size + padding > bytes.length - start || bytes[start] !== 0x08) return undefined;
  try {
    const record = decodeRecord(bytes, start, start + size);
    const data = record.data ?? new Uint8Array(0);
    return { content: contentOf(record), crc: record.crc, data, length: FRAME_HEAD + size + padding };
  } catch {
    return undefined;
  }
}

function sayingMore(content: Content, before: HardState | undefined): string | undefined {
  if (content.kind === 'snapshot') return `Snapshot of index ${content.snapshot.index}`;
  if (content.kind !== 'state') return undefined;
  const { term, vote, commit } = content.state;
  const more = before === undefined || term !== before.term || vote !== before.vote || commit > before.commit;
  return more ? `State of term ${term}, vote ${vote}, commit ${commit}` : undefined;
}
