import type { FileHandle } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { FolderSink } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

const MIB = 2 ** 20;

/** A file in memory, with what is to come before each sync of a part of it. */
function written(beforeSync: (count: number) => Promise<void>): { sink: FolderSink; calls: string[] } {
  const calls: string[] = [];
  const tell = (what: string) => async (): Promise<void> => void calls.push(what);
  const file = {
    writev: async (chunks: readonly Uint8Array[]) => ({
      bytesWritten: chunks.reduce((sum, { length }) => sum + length, 0),
    }),
    datasync: async () => {
      calls.push('part');
      await beforeSync(calls.length);
      calls.push('synced');
    },
    sync: tell('whole'),
    close: tell('close'),
  };
  const events = { complete: tell('complete'), forget: tell('forget'), keep: tell('keep') };
  return { sink: new FolderSink(file as unknown as FileHandle, 0, events), calls };
}

describe('the file of a snapshot that arrives', () => {
  it('is synced in parts while it arrives, one at a time, and whole at the end', async () => {
    const { sink, calls } = written(async () => {});
    for (let i = 0; i < 20; i++) await sink.write(new Uint8Array(MIB));
    await sink.commit();
    const parts = calls.slice(0, -3);
    expect(parts.length).to.be.within(6, 10);
    expect(parts.filter((_, i) => i % 2 === 0)).to.deep.equal(Array(parts.length / 2).fill('part'));
    expect(parts.filter((_, i) => i % 2 === 1)).to.deep.equal(Array(parts.length / 2).fill('synced'));
    expect(calls.slice(-3)).to.deep.equal(['whole', 'close', 'complete']);
  });

  it('holds up its sender while the disk does not keep up', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { sink, calls } = written(() => held);
    let taken = 0;
    const writing = (async () => {
      for (let i = 0; i < 64; i++) {
        await sink.write(new Uint8Array(MIB));
        taken++;
      }
    })();
    for (let i = 0; i < 1000; i++) await turn();
    // Two parts of 4 MiB: the second one waits for the first.
    expect([taken, calls]).to.deep.equal([7, ['part']]);
    release();
    await writing;
    await sink.commit();
    expect(calls.at(-1)).to.equal('complete');
  });

  it('is not complete if the sync of a part fails, however much came after it', async () => {
    for (const more of [0, 1, 20]) {
      const { sink, calls } = written((count) =>
        count === 1 ? Promise.reject(new Error('EIO: the disk failed')) : Promise.resolve(),
      );
      const outcome = await (async () => {
        for (let i = 0; i < 4 + more; i++) await sink.write(new Uint8Array(MIB));
        await sink.commit();
      })().catch((error: Error) => error.message);
      expect(outcome).to.equal('EIO: the disk failed');
      await sink.abort();
      expect(calls).to.not.include('complete');
      expect(calls.at(-1)).to.equal('forget');
    }
  });

  it('is closed only when its last sync has ended, also if it broke off', async () => {
    for (const end of ['abort', 'suspend'] as const) {
      const { sink, calls } = written(async () => {
        for (let i = 0; i < 100; i++) await turn();
      });
      for (let i = 0; i < 5; i++) await sink.write(new Uint8Array(MIB));
      await sink[end]();
      expect(calls).to.deep.equal(['part', 'synced', 'close', end === 'abort' ? 'forget' : 'keep']);
    }
  });
});
