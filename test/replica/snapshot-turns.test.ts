import { bytesCodec, defaultFormat } from '@raft-ts/replica';
import { collect, Group } from '@raft-ts/replica/internal';
import { MemoryLog } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { confState, loneSnapshots } from './lone-snapshots.js';

const MIB = 2 ** 20;

describe('replica: a large snapshot that came in one piece', () => {
  it('is looked at and restored in pieces, and the event loop turns in between', async () => {
    const format = defaultFormat(bytesCodec);
    const group = new Group();
    const data = await collect(
      format.wrap(
        group.head(),
        (async function* () {
          yield new Uint8Array(8 * MIB);
        })(),
      ),
    );
    const snapshot = { data, metadata: { index: 5, term: 1, confState } };
    const log = new MemoryLog();
    await log.save({ snapshot });
    let turns = 0;
    const sizes: number[] = [];
    const snapshots = loneSnapshots({
      log,
      format: {
        wrap: format.wrap,
        // As a format whose head comes last.
        unwrap: (chunks) =>
          Promise.resolve({
            state: chunks,
            head: async () => {
              for await (const { length } of chunks) sizes.push(length);
              return group.head();
            },
          }),
      },
      stateMachine: { snapshot: () => new Uint8Array(0) },
      group,
      policy: { everyEntries: 1e9, inlineBytes: 1e9 },
      position: () => ({ applied: { index: 5, term: 1 }, confState }),
      restore: async (_snapshot, chunks) => {
        for await (const { length } of chunks) sizes.push(length);
        return true;
      },
      turn: () => {
        turns++;
        return Promise.resolve();
      },
    });
    for (const read of [() => snapshots.admit(snapshot), () => snapshots.restoreNewest()]) {
      turns = 0;
      sizes.length = 0;
      await read();
      expect(sizes.reduce((sum, length) => sum + length, 0)).to.equal(data.length);
      expect(Math.max(...sizes)).to.be.at.most(MIB);
      expect(turns).to.be.at.least(8);
    }
  });
});
