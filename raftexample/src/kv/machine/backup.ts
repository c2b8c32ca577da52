import { createHash } from 'node:crypto';
import type { SnapshotHead } from '@raft-ts/replica';
import { FEATURES } from './features.js';
import { isWhole } from './fields.js';
import type { KvMachine } from './kv-machine.js';
import { copySections } from './kv-sections.js';
import { kvSnapshots } from './kv-snapshot.js';
import { objectOf, refuse, SectionSplitter } from './snapshot-sections.js';

/** Of what a copy of the store is. */
export interface CopyOrigin {
  readonly clusterId: bigint;
  readonly index: number;
  readonly term: number;
}

/** What a copy says of itself. */
export interface RestoredCopy extends CopyOrigin {
  readonly head: SnapshotHead;
}

const [ORIGIN, CHECKSUM] = copySections;
/** A copy ends with the SHA-256 of all that comes before. */
const sealOf = (sum: string): string => `,\n"${CHECKSUM}":"${sum}"}\n`;
const SEAL = sealOf('0'.repeat(64)).length;

const encoder = new TextEncoder();

/**
 * Writes a copy of the store: a snapshot, which says in two more sections whose it is, and what its bytes hash to, so
 * that one that was cut short or damaged is not restored.
 */
export async function* writeCopy(
  { clusterId, index, term }: CopyOrigin,
  snapshot: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  const hashed = (bytes: Uint8Array): Uint8Array => {
    hash.update(bytes);
    return bytes;
  };
  const origin = { cluster: clusterId.toString(), index, term };
  yield hashed(encoder.encode(`{"${ORIGIN}":${JSON.stringify(origin)},`));
  // Without the brace at its beginning, which is written already, and the one at its end.
  let isFirst = true;
  let last: Uint8Array | undefined;
  for await (const piece of snapshot) {
    if (piece.length === 0) continue;
    if (last !== undefined) yield hashed(last);
    last = isFirst ? piece.subarray(1) : piece;
    isFirst = false;
  }
  if (last !== undefined) yield hashed(last.subarray(0, last.length - 1));
  yield encoder.encode(sealOf(hash.digest('hex')));
}

/**
 * Puts a copy in the place of a machine's state. If it cannot be used, the machine holds a part of it, or nothing.
 * @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT: it is none, was cut short, or is not what was written
 */
export async function restoreCopy(chunks: AsyncIterable<Uint8Array>, machine: KvMachine): Promise<RestoredCopy> {
  const origins: CopyOrigin[] = [];
  const splitter = new SectionSplitter((section) =>
    section === ORIGIN ? { kind: 'whole', take: (json) => void origins.push(originOf(json)) } : { kind: 'skip' },
  );
  const seal = new Seal();
  async function* watched(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      splitter.push(chunk);
      seal.push(chunk);
      yield chunk;
    }
  }
  const { state, head } = await kvSnapshots.unwrap(watched());
  await machine.restore(state, { index: 0, term: 0 });
  const read = await head();
  const [origin] = origins;
  if (origin === undefined) throw refuse('it does not say of what it is a copy. GET /snapshot gives one that does');
  seal.check();
  if (read.features > FEATURES) throw refuse('it uses features that this version does not know. Update it');
  for (const [, { index }] of machine.entries()) {
    if (index > origin.index) throw refuse(`it is of index ${origin.index}, but a key was written at ${index}`);
  }
  return { ...origin, head: read };
}

function originOf(json: string): CopyOrigin {
  const { cluster, index, term } = objectOf(json, ORIGIN);
  if (typeof cluster === 'string' && /^\d{1,20}$/u.test(cluster) && isWhole(index, 1) && isWhole(term, 1)) {
    return { clusterId: BigInt(cluster), index, term };
  }
  throw refuse(`its '${ORIGIN}' is none`);
}

/** Compares the checksum at the end of a copy with what came before. */
class Seal {
  private readonly hash = createHash('sha256');
  /** The last bytes, which may be the end. */
  private last: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    const both = Buffer.concat([this.last, chunk]);
    const from = Math.max(0, both.length - SEAL);
    this.hash.update(both.subarray(0, from));
    this.last = both.subarray(from);
  }

  check(): void {
    const sealed = Buffer.from(this.last).toString('latin1');
    const sum = sealed.slice(-SEAL).match(/[0-9a-f]{64}/u)?.[0] ?? '';
    if (sealed !== sealOf(sum)) throw refuse('it does not end with its checksum: it was cut short, or written anew');
    if (sum !== this.hash.digest('hex')) throw refuse('its checksum is wrong: it was damaged, or changed');
  }
}
