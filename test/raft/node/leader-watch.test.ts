import { NONE } from '@raft-ts/raft';
import { LeaderWatch } from '@raft-ts/raft/internal';
import { expect } from 'chai';

describe('LeaderWatch', () => {
  let watch: LeaderWatch;
  let lines: string[];
  beforeEach(() => {
    watch = new LeaderWatch();
    lines = [];
  });

  const finds = (lead: bigint, term = 2): boolean => {
    const logger = {
      debugEnabled: false,
      debug() {},
      info: (line: string) => void lines.push(line),
      warn() {},
      error() {},
    };
    return watch.finds({ id: 10n, lead, term, logger });
  };

  it('takes no proposals until it finds a leader', () => {
    expect(finds(NONE)).to.equal(false);
    expect(watch.takesProposals).to.equal(false);
    expect(finds(11n)).to.equal(true);
    expect(watch.takesProposals).to.equal(true);
    expect(lines).to.deep.equal(['raft.node: a elected leader b at term 2']);
  });

  it('finds a leader once, and says nothing of one that goes on', () => {
    finds(11n);
    expect(finds(11n)).to.equal(false);
    expect(finds(11n, 3)).to.equal(false);
    expect(lines).to.have.length(1);
  });

  it('finds the next leader, whether or not there was a time without one', () => {
    finds(11n);
    expect(finds(12n, 3)).to.equal(true);
    expect(finds(NONE, 4)).to.equal(false);
    expect(watch.takesProposals).to.equal(false);
    expect(finds(12n, 5)).to.equal(true);
    expect(lines.slice(1)).to.deep.equal([
      'raft.node: a changed leader from b to c at term 3',
      'raft.node: a lost leader c at term 4',
      'raft.node: a elected leader c at term 5',
    ]);
  });

  it('takes no more proposals once its member is removed, until it hears of another leader', () => {
    finds(11n);
    watch.refuseProposals();
    expect(watch.takesProposals).to.equal(false);
    expect(finds(11n, 3)).to.equal(false);
    expect(watch.takesProposals).to.equal(false);
    expect(finds(12n, 4)).to.equal(true);
    expect(watch.takesProposals).to.equal(true);
  });
});
