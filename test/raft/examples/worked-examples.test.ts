import { describeIndex, Inflights, JointConfig, MajorityConfig, Progress } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, logWith, stored } from '../log/fixtures.js';
import { pairsOf, tableOf } from './tables.js';

const idsOf = (cell: string): bigint[] => pairsOf(cell).map(([id]) => BigInt(id));

/** The old and the new voters of a row, and what the cells say of each. */
function halves(row: Readonly<Record<string, string>>): {
  joint: JointConfig;
  said: ReadonlyMap<bigint, string>;
} {
  const [before, after] = [row['old voters'] ?? '', row['new voters'] ?? ''];
  const said = new Map([...pairsOf(before), ...pairsOf(after)].map(([id, what]) => [BigInt(id), what]));
  return { joint: new JointConfig(new MajorityConfig(idsOf(after)), new MajorityConfig(idsOf(before))), said };
}

describe('the worked examples beside the code', () => {
  describe('RaftLog.findConflictByTerm', () => {
    const rows = tableOf('raft-log.ts', 'terms of entries 1, 2, …');
    it('has five', () => expect(rows).to.have.length(5));
    for (const row of rows) {
      const terms = row['terms of entries 1, 2, …'] as string;
      it(`terms ${terms}: nothing beyond ${row['found at']} can agree with term ${row['term']} at ${row['index']}`, () => {
        const entries = ents(1, ...terms.split(' ').map(Number));
        const expected = { index: Number(row['found at']), term: Number(row['its term']) };
        for (const log of [logWith(stored(...entries)).log, logWith(stored(), ...entries).log]) {
          const found = log.findConflictByTerm(Number(row['index']), Number(row['term']));
          expect({ index: found.index, term: found.term }).to.deep.equal(expected);
        }
      });
    }
  });

  describe('Progress.maybeDecrTo', () => {
    const rows = tableOf('tracker/progress.ts', 'state | match | next | rejected');
    it('has six', () => expect(rows).to.have.length(6));
    for (const row of rows) {
      it(`${row['state']}, match ${row['match']}, next ${row['next']}: rejected ${row['rejected']}, hint ${row['hint']}`, () => {
        const pr = new Progress({
          id: 2n,
          match: Number(row['match']),
          next: Number(row['next']),
          inflights: new Inflights(256),
          isLearner: false,
          recentActive: true,
        });
        pr.state = row['state'] === 'Probe' ? 'StateProbe' : 'StateReplicate';
        expect(pr.maybeDecrTo(Number(row['rejected']), Number(row['hint']))).to.equal(row['new'] === 'yes');
        expect(pr.next).to.equal(Number(row['next then']));
        expect(pr.match).to.equal(Number(row['match']));
      });
    }
  });

  describe('JointConfig.committedIndex', () => {
    const rows = tableOf('quorum/joint.ts', 'old voters | new voters | old commit');
    it('has four', () => expect(rows).to.have.length(4));
    for (const row of rows) {
      it(`[${row['old voters']}] and [${row['new voters']}] commit ${row['both commit']}`, () => {
        const { joint, said } = halves(row);
        const acked = { ackedIndex: (id: bigint): number => Number(said.get(id)) };
        expect(describeIndex(joint.outgoing.committedIndex(acked))).to.equal(row['old commit']);
        expect(describeIndex(joint.incoming.committedIndex(acked))).to.equal(row['new commit']);
        expect(describeIndex(joint.committedIndex(acked))).to.equal(row['both commit']);
      });
    }
  });

  describe('JointConfig.voteResult', () => {
    const rows = tableOf('quorum/joint.ts', 'old voters | new voters | old | new');
    it('has five', () => expect(rows).to.have.length(5));
    for (const row of rows) {
      it(`[${row['old voters']}] and [${row['new voters']}]: ${row['both']}`, () => {
        const { joint, said } = halves(row);
        const cast = [...said].filter(([, vote]) => vote !== '?');
        const votes = new Map(cast.map(([id, vote]) => [id, vote === 'yes']));
        expect(joint.outgoing.voteResult(votes)).to.equal(`Vote${row['old']}`);
        expect(joint.incoming.voteResult(votes)).to.equal(`Vote${row['new']}`);
        expect(joint.voteResult(votes)).to.equal(`Vote${row['both']}`);
      });
    }
  });

  it('Inflights, one call after the other', () => {
    const rows = tableOf('tracker/inflights.ts', 'call | in flight, as index:bytes');
    expect(rows).to.have.length(7);
    const inflights = new Inflights(3, 100);
    for (const row of rows) {
      const [call, ...numbers] = (row['call'] as string).split(' ');
      const [index, bytes] = numbers.map(Number);
      if (call === 'add') inflights.add(index as number, bytes as number);
      else inflights.freeLE(index as number);
      const expected = pairsOf(row['in flight, as index:bytes'] as string);
      const shown = [...inflights].map((one): [string, string] => [String(one.index), String(one.bytes)]);
      expect(shown, row['call']).to.deep.equal(expected);
      expect(inflights.full(), row['call']).to.equal(row['full'] === 'yes');
    }
  });
});
