import { ID_RANGE, outOfRange } from './codes.js';

// Ids are bigints outside and two 32-bit halves inside, because arithmetic on bigints allocates at every step. Storing
// a bigint in this array splits it without an allocation.
const word: BigUint64Array = new BigUint64Array(1);
const halves: Int32Array = new Int32Array(word.buffer);
const LOW: number = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH: number = 1 - LOW;

const small: bigint[] = [];
for (let id = 0; id < 128; id++) small.push(BigInt(id));

/** The id that one byte of a varint stands for. */
export function smallId(value: number): bigint {
  return small[value] as bigint;
}

// A cluster has a handful of ids and every message carries two, so each id is checked and made once and then found
// again by its bits. One slot per hash bounds the memory, whatever ids a stranger sends.
const SLOTS = 256;
const LAST_SLOT: number = SLOTS - 1;
const lows: Int32Array = new Int32Array(SLOTS);
const highs: Int32Array = new Int32Array(SLOTS);
const known: bigint[] = new Array<bigint>(SLOTS).fill(0n);

/**
 * The low 32 bits, signed, of an id; `highHalf()` then gives the high ones.
 *
 * @throws RaftError `ERR_RAFT_POSITION_RANGE` unless `id` is a bigint of 64 bits.
 */
export function lowHalf(id: bigint, field: string): number {
  if (typeof id !== 'bigint') throw outOfRange(field, id, ID_RANGE);
  word[0] = id;
  const low = halves[LOW] as number;
  const high = halves[HIGH] as number;
  const slot = (low ^ high) & LAST_SLOT;
  if (known[slot] !== id) learn(id, slot, low, high, field);
  return low;
}

function learn(id: bigint, slot: number, low: number, high: number, field: string): void {
  if (BigInt.asUintN(64, id) !== id) throw outOfRange(field, id, ID_RANGE);
  lows[slot] = low;
  highs[slot] = high;
  known[slot] = id;
}

/** The high 32 bits, signed, of the id that was last passed to `lowHalf`. */
export function highHalf(): number {
  return halves[HIGH] as number;
}

/** Length of an id's varint; meaningless if `lowHalf` would throw. */
export function idVarintSize(id: bigint): number {
  if (typeof id !== 'bigint') return 0;
  word[0] = id;
  const high = halves[HIGH] as number;
  // A varint has seven bits a byte.
  if (high === 0) return Math.max(1, Math.ceil((32 - Math.clz32(halves[LOW] as number)) / 7));
  return Math.ceil((64 - Math.clz32(high)) / 7);
}

/** The id made of two 32-bit halves. */
export function idOf(low: number, high: number): bigint {
  const slot = (low ^ high) & LAST_SLOT;
  if (lows[slot] === low && highs[slot] === high) return known[slot] as bigint;
  halves[LOW] = low;
  halves[HIGH] = high;
  const id = word[0] as bigint;
  lows[slot] = low;
  highs[slot] = high;
  known[slot] = id;
  return id;
}
