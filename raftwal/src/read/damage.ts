/**
 * Judges what a log ends in: this is where a torn write is told from damage. `docs/wal.md` has the table of what becomes of which.
 *
 * The format does not say what was synced, so this rests on how logs are written. One write is under way at a time, into zeros, and
 * each is durable before the next begins; so a power cut can tear the last write alone. Of a torn write each sector of 512 bytes is
 * there or not. And no write of ours has a State or Snapshot after a record of another kind: if one can be read after the damage, it
 * came with a later write, and what is damaged had been durable.
 *
 * ```
 *      one file of the log, in sectors
 *      │Crc Metadata State Ent│ry Entry State Entry  E│▒▒▒▒▒▒▒▒▒▒▒│ntry  State│00000000000│
 *       └─ the head ────────┘                         └ offset: the      └ evidence, if it says more than
 *                                                       first record       the last State before the damage
 *                                                       that fails
 *
 *      asked in this order                                                    if so
 *      1  Is this not the last file, or is its head damaged?                  corrupt    durable before a file got its name
 *      2  Does evidence follow?                                               corrupt    it was written when this was durable
 *      3  Is the length field alone wrong, and the record after it intact?    undecided  no torn write does that
 *      4  Is a whole sector of the record zeros, or cut off with the file?    torn       nothing shows that it was acknowledged
 *      5  None of these.                                                      undecided  a torn write loses whole sectors
 *
 *      then, unless it is corrupt, and also if nothing is damaged:
 *      6  Does the mark beside the log point beyond the offset?               lost       it had been acknowledged
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

/** What to make of damage. */
export type Verdict =
  /** What a power cut leaves of a write that was never acknowledged, as far as the log shows. */
  | 'torn'
  /** Neither a torn write's shape nor proof that it was acknowledged. */
  | 'undecided'
  /** It had been durable. */
  | 'corrupt'
  /** What lies beyond had been acknowledged: the mark beside the log says so (mark/log-mark.ts). */
  | 'lost';

export interface Damage {
  readonly verdict: Verdict;
  readonly file: string;
  /** First byte of the first record that cannot be read. */
  readonly offset: number;
  /** What is wrong there, for people. */
  readonly what: string;
  /** Why the verdict is what it is, for people. */
  readonly why: string;
}

const codes: Readonly<Record<Verdict, string>> = {
  torn: ERR_WAL_TORN,
  undecided: ERR_WAL_UNDECIDED,
  corrupt: ERR_WAL_CORRUPT,
  lost: ERR_WAL_CORRUPT,
};

/** What to do about it, for people. docs/wal.md has the reasons. */
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

/** Everything that the verdict depends on. */
export interface DamagedTail {
  readonly file: string;
  /** Of the first record that cannot be read. */
  readonly offset: number;
  readonly defect: Defect;
  /** The file from `offset` on, to its end. */
  readonly bytes: Uint8Array;
  /** How many of them lie before the zeros at the end. */
  readonly used: number;
  /** The chain's value before it. */
  readonly chain: number;
  /** The last hard state before it. */
  readonly state: HardState | undefined;
  /** Was the head of this file read? It is durable before the file gets its name. */
  readonly headRead: boolean;
}

const HEAD_IS_DURABLE = 'the head of a file is durable before the file has its name';

/** Refuses damage in a file that another one follows. @throws WalError `ERR_RAFT_WAL_CORRUPT` */
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
  if (defect !== 'bytes behind the end' && intactBehindLength(tail)) {
    return damage('undecided', 'only the length field is damaged, which no torn write does');
  }
  return hasTornShape(tail)
    ? damage('torn', 'an unfinished write')
    : damage('undecided', 'a torn write loses whole sectors, and none is missing here');
}

/** How a log ends, as far as the mark can tell something about it. */
export interface LogEnd {
  readonly segment: { readonly name: string; readonly sequence: number };
  readonly offset: number;
  readonly damage: Damage | undefined;
}

/** The damage that the mark shows: what was acknowledged lies beyond the end of the log. Undefined where it does not. */
export function lostEnd(end: LogEnd, mark: MarkPlace | undefined): Damage | undefined {
  const { segment, offset, damage } = end;
  if (mark === undefined || !isBeyond(mark, { sequence: segment.sequence, offset })) return undefined;
  const where = mark.sequence === segment.sequence ? 'this file' : `file ${hex16(mark.sequence)}-*.wal`;
  const why = `the mark beside the log shows that it was acknowledged up to byte ${mark.offset} of ${where}`;
  return { verdict: 'lost', file: segment.name, offset, what: damage?.what ?? 'the log has lost its end', why };
}

/** Would this file, cut at the damage, end where a torn write leaves it? */
function hasTornShape({ offset, defect, bytes }: DamagedTail): boolean {
  const untilBoundary = SECTOR_SIZE - (offset % SECTOR_SIZE);
  if (defect === 'longer than the file') return bytes.length < FRAME_HEAD || isLengthField(bytes);
  // The sector with the length field was lost, and others of the same write were not.
  if (defect === 'bytes behind the end') return isZero(bytes, 0, untilBoundary);
  const { size, padding } = readFrameHead(bytes, 0);
  const end = FRAME_HEAD + size + padding;
  for (let from = FRAME_HEAD, to = untilBoundary; from < end; from = Math.max(to, from), to += SECTOR_SIZE) {
    if (to > from && isZero(bytes, from, Math.min(to, end))) return true;
  }
  return false;
}

/** Does the length field agree with itself? Eight bytes of anything rarely do. */
function isLengthField(bytes: Uint8Array): boolean {
  const { size, padding } = readFrameHead(bytes, 0);
  return padding === paddingOf(size);
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  const end = Math.min(to, bytes.length);
  for (let i = from; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Is the record whole, with a sum that fits, so that only its length field can be wrong? */
function intactBehindLength({ bytes, chain }: DamagedTail): boolean {
  // A record says how long it is: type, sum, and data with its own length.
  for (let end = FRAME_HEAD + 4; end <= Math.min(bytes.length, FRAME_HEAD + 14); end++) {
    const data = dataAt(bytes, FRAME_HEAD, end);
    if (data === undefined) continue;
    // Where the field tells the truth it is something else that is missing.
    if (readFrameHead(bytes, 0).size === end + data.length - FRAME_HEAD) return false;
    return updateCrc(chain, bytes, end, end + data.length) === data.crc;
  }
  return false;
}

/** The sum and the length of the data, where a record that begins at `start` has its data at `end`. */
function dataAt(bytes: Uint8Array, start: number, end: number): { crc: number; length: number } | undefined {
  // Whatever the data are, a record of the bytes before them and no data must be one.
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

/** The varint that lies exactly at [from, to). */
function lengthAt(bytes: Uint8Array, from: number, to: number): number | undefined {
  return readVarint(bytes, from, to) === to ? (high >>> 0) * TWO_TO_32 + (low >>> 0) : undefined;
}

/** A record behind the damage that shows that the damage was durable once. */
export interface LaterRecord {
  readonly offset: number;
  /** For people. */
  readonly content: string;
}

/** Finds a State behind the damage that says more than those before it, or a Snapshot. */
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
    // The first record behind a hole cannot be checked against the chain; all that follow it can, and none is believed
    // that fails. That a sum is missing makes a verdict stricter, never milder.
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

/** The frame at this place, if it holds a record whose data are what its type says. */
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
