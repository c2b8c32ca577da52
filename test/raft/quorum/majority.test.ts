import type { NodeId } from '@raft-ts/raft';
import { describeIndex, JointConfig, MajorityConfig, type VoteResult } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { acked } from './brute-force.js';

describe('QM-001 TestDescribe: a picture of who acknowledged what', () => {
  const rows: [acks: [NodeId, number][], lines: string[]][] = [
    [
      [
        [1n, 101],
        [2n, 102],
        [3n, 103],
      ],
      ['>      101    (id=1)', 'x>     102    (id=2)', 'xx>    103    (id=3)'],
    ],
    [
      [
        [1n, 100],
        [2n, 100],
        [3n, 100],
      ],
      ['>      100    (id=1)', '>      100    (id=2)', '>      100    (id=3)'],
    ],
    [
      [
        [1n, 100],
        [2n, 102],
        [3n, 102],
      ],
      ['>      100    (id=1)', 'x>     102    (id=2)', 'x>     102    (id=3)'],
    ],
    [
      [
        [1n, 101],
        [3n, 103],
      ],
      ['x>     101    (id=1)', '?        0    (id=2)', 'xx>    103    (id=3)'],
    ],
    // The bar counts those strictly behind, in whatever order the ids are.
    [
      [
        [1n, 103],
        [2n, 101],
        [3n, 101],
      ],
      ['xx>    103    (id=1)', '>      101    (id=2)', '>      101    (id=3)'],
    ],
    [[], ['?        0    (id=1)', '?        0    (id=2)', '?        0    (id=3)']],
  ];
  for (const [acks, lines] of rows) {
    it(`of ${JSON.stringify(acks.map(([id, index]) => `${id}:${index}`))}`, () => {
      const picture = new MajorityConfig([1n, 2n, 3n]).describe(acked(new Map(acks)));
      expect(picture).to.equal(`       idx\n${lines.join('\n')}\n`);
    });
  }

  it('of nobody', () => {
    expect(new MajorityConfig().describe(acked(new Map()))).to.equal('<empty majority quorum>');
  });

  it('with hexadecimal ids', () => {
    const acks = acked(new Map([[26n, 7]]));
    expect(new MajorityConfig([26n]).describe(acks)).to.equal('     idx\n>      7    (id=1a)\n');
  });
});

describe('majority config', () => {
  it('is a set in ascending order', () => {
    const config = new MajorityConfig([26n, 3n, 26n, 1n]);
    expect(config.ids).to.deep.equal([1n, 3n, 26n]);
    expect(config.size).to.equal(3);
    expect([config.has(3n), config.has(2n)]).to.deep.equal([true, false]);
    expect(String(config)).to.equal('(1 3 1a)');
    expect(String(new MajorityConfig())).to.equal('()');
  });

  it('orders ids of 64 bits', () => {
    const ids = [18446744073709551613n, 2n, 9007199254740993n, 9007199254740992n];
    expect(new MajorityConfig(ids).ids).to.deep.equal([
      2n,
      9007199254740992n,
      9007199254740993n,
      18446744073709551613n,
    ]);
  });

  it('commits what a majority has, taking silence for nothing', () => {
    const committed = (ids: NodeId[], ...indexes: (number | undefined)[]) => {
      const acks = new Map<NodeId, number>();
      for (const [i, index] of indexes.entries()) if (index !== undefined) acks.set(ids[i] as NodeId, index);
      return new MajorityConfig(ids).committedIndex(acked(acks));
    };
    expect(committed([])).to.equal(Number.POSITIVE_INFINITY);
    expect(committed([1n], undefined)).to.equal(0);
    expect(committed([1n, 2n], 12, 5)).to.equal(5);
    expect(committed([1n, 2n, 3n], 12, 5, undefined)).to.equal(5);
    expect(committed([1n, 2n, 3n, 4n], 1, 2, 3, 4)).to.equal(2);
    expect(committed([1n, 2n, 3n, 4n, 5n], 101, 104, 103, 103, undefined)).to.equal(103);
    expect(committed([1n, 2n, 3n], 100, 101, 103), 'a smaller set after a larger one').to.equal(101);
  });

  it('prints its index as etcd does', () => {
    expect(describeIndex(Number.POSITIVE_INFINITY)).to.equal('∞');
    expect(describeIndex(0)).to.equal('0');
    expect(describeIndex(12)).to.equal('12');
  });
});

describe('joint config', () => {
  const joint = (incoming: NodeId[], outgoing: NodeId[]) =>
    new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));

  it('is one majority outside of a change, and two within', () => {
    expect(joint([1n], []).isJoint).to.equal(false);
    expect(joint([1n], [2n]).isJoint).to.equal(true);
    expect(String(joint([2n, 1n], []))).to.equal('(1 2)');
    expect(String(joint([3n], [1n, 10n]))).to.equal('(3)&&(1 a)');
    expect(String(new JointConfig())).to.equal('()');
  });

  it('has the members of both halves, each once', () => {
    const config = joint([5n, 3n], [3n, 1n]);
    expect(config.ids()).to.deep.equal([1n, 3n, 5n]);
    expect(joint([5n, 3n], []).ids()).to.deep.equal([3n, 5n]);
    expect([config.has(5n), config.has(1n), config.has(2n)]).to.deep.equal([true, true, false]);
  });

  it('commits what both halves have', () => {
    const acks = acked(
      new Map([
        [1n, 10],
        [2n, 20],
        [3n, 30],
      ]),
    );
    expect(joint([1n, 2n, 3n], []).committedIndex(acks)).to.equal(20);
    expect(joint([1n, 2n, 3n], [1n]).committedIndex(acks)).to.equal(10);
    expect(joint([1n, 2n, 3n], [3n]).committedIndex(acks)).to.equal(20);
    expect(joint([1n], [4n]).committedIndex(acks)).to.equal(0);
    expect(new JointConfig().committedIndex(acks)).to.equal(Number.POSITIVE_INFINITY);
  });

  it('wins with both halves, and loses with one', () => {
    const votes = new Map([
      [1n, true],
      [2n, false],
    ]);
    const rows: [incoming: NodeId[], outgoing: NodeId[], result: VoteResult][] = [
      [[], [], 'VoteWon'],
      [[1n], [], 'VoteWon'],
      [[1n], [1n], 'VoteWon'],
      [[1n], [2n], 'VoteLost'],
      [[2n], [1n], 'VoteLost'],
      [[1n], [3n], 'VotePending'],
      [[3n], [1n], 'VotePending'],
      [[2n], [3n], 'VoteLost'],
      [[3n], [2n], 'VoteLost'],
      [[3n], [3n], 'VotePending'],
    ];
    for (const [incoming, outgoing, result] of rows) {
      expect(joint(incoming, outgoing).voteResult(votes), String(joint(incoming, outgoing))).to.equal(result);
    }
  });

  it('draws one picture of both halves', () => {
    const acks = acked(
      new Map([
        [1n, 5],
        [2n, 6],
      ]),
    );
    expect(joint([2n], [1n, 2n]).describe(acks)).to.equal('      idx\n>       5    (id=1)\nx>      6    (id=2)\n');
  });
});
