/**
 * A disk that fails at any of its operations, once or permanently: the member's operation ends with a coded error that
 * says what failed, closing does not hide it, and everything that was acknowledged is there at the next start.
 */
import { DurableStorage, type WalError } from '@raft-ts/raftwal';
import { type Call, Disk, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { entries, oneVoter, state } from '../logs.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 2048, keepSegments: 1, keepSnapshots: 1 };

/** What the member was told to be durable. */
interface Promised {
  last: number;
  snapshot: number;
}

/** Two lives of a member: everything that touches the disk happens in them. Stops at the first failure, and closes. */
async function live(fs: SimFs, promised: Promised): Promise<void> {
  for (let life = 0; life < 2; life++) {
    const storage = await DurableStorage.open('data/member', { ...options, fs });
    let failed: Error | undefined;
    try {
      await use(storage, promised);
    } catch (error) {
      failed = error as Error;
    }
    try {
      await storage.close();
    } catch (error) {
      failed ??= error as Error;
    }
    if (failed !== undefined) throw failed;
  }
}

async function use(storage: DurableStorage, promised: Promised): Promise<void> {
  const save = async (count: number): Promise<void> => {
    const from = storage.lastIndex() + 1;
    await storage.save({ hardState: state(1, 1n, from - 1), entries: entries(from, from + count - 1) });
    promised.last = from + count - 1;
  };
  for (let i = 0; i < 12; i++) await save(4);
  const index = storage.lastIndex() - 4;
  await storage.createSnapshot(index, oneVoter, new Uint8Array(700).fill(1));
  promised.snapshot = index;
  await storage.snapshots.saveStream([new Uint8Array(600), new Uint8Array(10)], index);
  await save(2);
  const installed = storage.lastIndex() + 10;
  const metadata = { confState: oneVoter, index: installed, term: 1 };
  await storage.save({ hardState: state(1, 1n, installed), snapshot: { data: new Uint8Array(9), metadata } });
  promised.last = installed;
  promised.snapshot = installed;
  for (let i = 0; i < 4; i++) await save(3);
}

/** Runs the member on a disk that fails with this code at the calls that `fails` names. Returns what it ended with. */
async function run(code: string, fails: (call: Call, number: number) => boolean) {
  const disk = new Disk(new Map([['data', new Map()]]));
  const promised: Promised = { last: 0, snapshot: 0 };
  let number = 0;
  let failure: Call | undefined;
  const fs = new SimFs(disk, {
    fault: (call) => {
      if (!fails(call, number++)) return undefined;
      failure ??= call;
      return { code };
    },
  });
  let error: WalError | undefined;
  try {
    await live(fs, promised);
  } catch (caught) {
    error = caught as WalError;
  }
  fs.kill();
  return { disk, promised, error, failure, calls: number };
}

/** Returns the system's error code, in an error of the log or in its cause. */
function systemErrorIn(error: unknown): WalError | undefined {
  const { code, cause } = error as WalError;
  if (code === 'ERR_RAFT_WAL_IO') return error as WalError;
  return cause === undefined ? undefined : systemErrorIn(cause);
}

describe('a disk that fails', () => {
  const faults: readonly (readonly [code: string, fails: (call: Call) => boolean])[] = [
    ['EIO', () => true],
    ['ENOSPC', ({ op }) => ['open', 'write', 'mkdir', 'rename', 'truncate', 'datasync', 'syncDirectory'].includes(op)],
    ['EROFS', ({ op }) => ['open', 'mkdir', 'rename', 'unlink', 'rmdir'].includes(op)],
    ['EACCES', ({ op }) => ['open', 'mkdir', 'rename', 'unlink', 'rmdir', 'readdir'].includes(op)],
    ['EMFILE', ({ op }) => ['open', 'syncDirectory', 'readdir'].includes(op)],
  ];
  for (const [code, applies] of faults) {
    for (const once of [true, false]) {
      it(`with ${code} at any operation, ${once ? 'once' : 'and from then on'}, ends a member with a clear error and loses nothing`, async () => {
        const { calls, error: none } = await run(code, () => false);
        expect(none).to.equal(undefined);
        expect(calls).to.be.above(150);
        let ends = 0;
        for (let at = 0; at < calls; at++) {
          let met = false;
          const { disk, promised, error, failure } = await run(code, (call, number) => {
            if (number < at || (once && met) || !applies(call)) return false;
            met = true;
            return true;
          });
          const when = `call ${at}: ${failure?.op} ${failure?.path}`;
          if (error !== undefined) {
            ends++;
            const told = systemErrorIn(error);
            expect(error.code, `${when}: ${error.message}`).to.match(/^ERR_RAFT_WAL_/);
            expect(told?.reason, when).to.equal(code);
            expect(error.message, when)
              .to.include(told?.path)
              .and.to.match(/; \w.*(again|owner|log)/);
          }
          // A sound disk again, as the kernel shows it: what was promised is there.
          const storage = await DurableStorage.open('data/member', { ...options, fs: new SimFs(disk) });
          expect(storage.lastIndex(), when).to.be.at.least(promised.last);
          expect(storage.snapshot().metadata.index, when).to.be.at.least(promised.snapshot);
          await storage.close();
        }
        expect(ends).to.be.above(10);
      });
    }
  }
});
