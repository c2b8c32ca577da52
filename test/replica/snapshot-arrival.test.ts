import { type Snapshot } from '@raft-ts/raft';
import { bytesCodec, defaultFormat } from '@raft-ts/replica';
import { collect, Group, type Snapshots } from '@raft-ts/replica/internal';
import { MemoryLog } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { confState, loneSnapshots } from './lone-snapshots.js';

const format = defaultFormat(bytesCodec);
const group = new Group();

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const snapshotAt = (index: number): Snapshot => ({ data: undefined, metadata: { index, term: 1, confState } });

describe('replica: the body of a snapshot that arrives', () => {
  let body: Uint8Array;
  /** What the transport has stored, and how often it was read. */
  let stored: Uint8Array;
  let reads: number;
  let snapshots: Snapshots;

  beforeEach(async () => {
    body = await collect(format.wrap(group.head(), pieces(new Uint8Array(20_000).fill(7))));
    stored = body;
    reads = 0;
    const log = Object.assign(new MemoryLog(), {
      snapshots: {
        saveStream: () => Promise.reject(new Error('not reached')),
        loadStream: () => pieces(stored),
        streamSize: () => Promise.resolve(stored.length),
      },
    });
    snapshots = loneSnapshots({
      log,
      format,
      group,
      stateMachine: { snapshot: () => new Uint8Array(0) },
      policy: { everyEntries: 1e9, inlineBytes: 1 },
      position: () => ({ applied: { index: 0, term: 0 }, confState }),
      restore: () => Promise.resolve(true),
      transport: {
        peekSnapshot: () =>
          Promise.resolve({
            size: stored.length,
            chunks: (async function* () {
              reads++;
              yield* pieces(stored);
            })(),
          }),
        openSnapshot: () => Promise.reject(new Error('not reached')),
      },
    });
  });

  const never = (error: unknown): void => expect.fail(String(error));
  const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'none',
      (error: { readonly code?: unknown }) => error.code ?? error,
    );

  it('is passed on as it is, and not read again by who admits it', async () => {
    const snapshot = snapshotAt(5);
    expect(await collect(snapshots.inspect(snapshot, pieces(body), never))).to.deep.equal(body);
    await snapshots.admit(snapshot);
    expect(reads).to.equal(0);
    // Another message that is equal came with another body.
    await snapshots.admit(snapshotAt(5));
    expect(reads).to.equal(1);
  });

  it('is read by who admits it if what is stored is shorter or longer', async () => {
    for (const bytes of [body.subarray(0, -1), Buffer.concat([body, Buffer.alloc(1)])]) {
      const snapshot = snapshotAt(5);
      await collect(snapshots.inspect(snapshot, pieces(body), never));
      stored = bytes;
      expect(await codeOf(snapshots.admit(snapshot))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
    expect(reads).to.equal(2);
  });

  it('is refused before its end if it is damaged, and who is told learns why', async () => {
    for (const at of [0, 10, 10_000, body.length - 1]) {
      const damaged = Buffer.from(body);
      damaged[at] = (damaged[at] as number) ^ 1;
      const snapshot = snapshotAt(5);
      const told: unknown[] = [];
      let passed = 0;
      const reading = (async () => {
        for await (const { length } of snapshots.inspect(snapshot, pieces(damaged), (error) => told.push(error))) {
          passed += length;
        }
      })();
      expect(await codeOf(reading), `at ${at}`).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
      expect(told).to.have.length(1);
      expect(passed).to.be.below(damaged.length);
      stored = damaged;
      expect(await codeOf(snapshots.admit(snapshot))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
    expect(reads).to.equal(4);
  });

  it('that breaks off fails with what its source throws, and has not been looked at', async () => {
    const snapshot = snapshotAt(5);
    const broken = (async function* () {
      yield body.subarray(0, 5000);
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    })();
    const reading = collect(snapshots.inspect(snapshot, broken, () => {}));
    expect(await codeOf(reading)).to.equal('ECONNRESET');
    await snapshots.admit(snapshot);
    expect(reads).to.equal(1);
  });

  it('is not called damaged by a member that stops: what has come may be gone on with', async () => {
    const snapshot = snapshotAt(5);
    const arriving = (async function* () {
      yield* pieces(body.subarray(0, 5000));
      await snapshots.stop();
      yield* pieces(body.subarray(5000));
    })();
    expect(await collect(snapshots.inspect(snapshot, arriving, never))).to.deep.equal(body);
    expect(await codeOf(snapshots.admit(snapshot))).to.equal('ERR_RAFT_REPLICA_STOPPED');
  });
});
