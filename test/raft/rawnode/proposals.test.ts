import { type DropReason, MessageType, type ProposalReceipt, RaftError, type RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import {
  bytes,
  message,
  newTestMemoryStorage,
  newTestRawNode,
  type Overrides,
  withPeers,
} from '../../helpers/index.js';
import { addVoter, changeV2, removeMember } from './changes.js';
import { cycle, lead } from './cycle.js';

interface Situation {
  readonly reason: DropReason;
  readonly name: string;
  /** A member that takes no proposal for this reason. */
  build(): RawNode;
}

function leader(overrides: Overrides = {}): RawNode {
  const storage = newTestMemoryStorage(withPeers(1n));
  const rawNode = newTestRawNode(1n, storage, overrides);
  lead(rawNode, storage);
  return rawNode;
}

function follower(overrides: Overrides = {}): RawNode {
  const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n)), overrides);
  rawNode.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
  return rawNode;
}

/** Leader 1 of three members, which has committed nothing in its term. */
function leaderOfThree(): RawNode {
  const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n)));
  rawNode.raft.becomeCandidate();
  rawNode.raft.becomeLeader();
  return rawNode;
}

const situations: readonly Situation[] = [
  {
    reason: 'no-leader',
    name: 'a follower that knows no leader',
    build: () => newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n))),
  },
  {
    reason: 'no-leader',
    name: 'a candidate',
    build: () => {
      const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n)));
      rawNode.campaign();
      return rawNode;
    },
  },
  {
    reason: 'transferring',
    name: 'a leader that hands over',
    build: () => {
      const rawNode = leaderOfThree();
      rawNode.transferLeadership(2n);
      return rawNode;
    },
  },
  {
    reason: 'forwarding-disabled',
    name: 'a follower that does not forward',
    build: () => follower({ disableProposalForwarding: true }),
  },
  {
    reason: 'quota',
    name: 'a leader with as much uncommitted as it may have',
    build: () => {
      const rawNode = leader({ maxUncommittedEntriesSize: 10 });
      rawNode.propose(bytes('0123456789'));
      return rawNode;
    },
  },
  {
    reason: 'removed',
    name: 'a leader that was removed',
    build: () => {
      const rawNode = leaderOfThree();
      rawNode.applyConfChange(removeMember(1n));
      return rawNode;
    },
  },
];

function refusalOf(call: () => unknown): { code: string; reason: string | undefined; message: string } {
  try {
    call();
  } catch (error) {
    expect(error).to.be.instanceOf(RaftError);
    const { code, reason, message: text } = error as RaftError;
    return { code, reason, message: text };
  }
  return expect.fail('nothing was refused');
}

describe('RawNode: a proposal that is not taken says why', () => {
  for (const { reason, name, build } of situations) {
    it(`${reason}: ${name}`, () => {
      const rawNode = build();
      const last = rawNode.raft.raftLog.lastIndex();
      const dropped = { code: 'ERR_RAFT_PROPOSAL_DROPPED', reason, message: 'raft proposal dropped' };
      expect(refusalOf(() => rawNode.propose(bytes('x')))).to.deep.equal(dropped);
      expect(refusalOf(() => rawNode.proposeConfChange(addVoter(4n)))).to.deep.equal(dropped);
      const forwarded = message({
        type: MessageType.MsgProp,
        from: 3n,
        to: 1n,
        entries: [{ type: undefined, term: 0, index: 0, data: bytes('x') }],
      });
      expect(refusalOf(() => rawNode.step(forwarded))).to.deep.equal(dropped);
      expect(rawNode.raft.raftLog.lastIndex()).to.equal(last);
    });
  }

  it('a proposal that is taken says where it went', () => {
    const taken: [ProposalReceipt, ProposalReceipt] = [leader().propose(bytes('x')), follower().propose(bytes('x'))];
    expect(taken).to.deep.equal([{ forwarded: false }, { forwarded: true }]);
    expect(follower().proposeConfChange(addVoter(4n))).to.deep.equal({ forwarded: true });
  });
});

describe('RawNode: a membership change that is not allowed now is reported, and an empty entry takes its place', () => {
  const cases: readonly [name: string, prepare: (rawNode: RawNode) => void, change: string, reason: RegExp][] = [
    [
      'while another one is not applied',
      (rawNode) => void rawNode.proposeConfChange(addVoter(2n)),
      'l3',
      /^possible unapplied conf change at index 2 \(applied to 1\)$/,
    ],
    [
      'in a joint configuration',
      (rawNode) => void rawNode.applyConfChange(changeV2('l2', 'explicit')),
      'l3',
      /^must transition out of joint config first$/,
    ],
    [
      'leaving a joint configuration that there is none',
      () => {},
      '',
      /^not in joint state; refusing empty conf change$/,
    ],
  ];
  for (const [name, prepare, change, reason] of cases) {
    it(name, () => {
      const rawNode = leader();
      prepare(rawNode);
      const last = rawNode.raft.raftLog.lastIndex();
      const refused = refusalOf(() => rawNode.proposeConfChange(changeV2(change)));
      expect(refused.code).to.equal('ERR_RAFT_CONF_CHANGE_REFUSED');
      expect(refused.reason).to.match(reason);
      expect(rawNode.raft.raftLog.lastIndex()).to.equal(last + 1);
      const appended = rawNode.raft.raftLog.allEntries().at(-1);
      expect(appended).to.deep.equal({ type: 0, term: 1, index: last + 1, data: undefined });
    });
  }

  it('is not reported where the application checks changes itself', () => {
    const rawNode = leader({ disableConfChangeValidation: true });
    expect(rawNode.proposeConfChange(addVoter(2n))).to.deep.equal({ forwarded: false });
    expect(rawNode.proposeConfChange(addVoter(3n))).to.deep.equal({ forwarded: false });
  });
});

describe('RawNode: a committed membership change that cannot be carried out', () => {
  const cases: readonly [name: string, prepare: string, change: string, transition: 'auto' | 'explicit'][] = [
    ['removes all voters', '', 'r1', 'auto'],
    ['enters a joint configuration within one', 'v2', 'v3', 'explicit'],
    ['leaves a joint configuration that there is none', '', '', 'auto'],
    ['is simple, within a joint configuration', 'v2', 'v3', 'auto'],
  ];
  for (const [name, prepare, change, transition] of cases) {
    it(`${name}: every member refuses it alike, and keeps its configuration`, () => {
      const errors = [1n, 2n, 3n].map((id) => {
        const rawNode = newTestRawNode(id, newTestMemoryStorage(withPeers(1n)));
        if (prepare !== '') rawNode.applyConfChange(changeV2(prepare, 'explicit'));
        const before = { config: String(rawNode.raft.trk.config), progress: [...rawNode.raft.trk.progress.keys()] };
        const refused = refusalOf(() => rawNode.applyConfChange(changeV2(change, transition)));
        expect(refusalOf(() => rawNode.checkConfChange(changeV2(change, transition)))).to.deep.equal(refused);
        const after = { config: String(rawNode.raft.trk.config), progress: [...rawNode.raft.trk.progress.keys()] };
        expect(after).to.deep.equal(before);
        return refused;
      });
      expect(errors[0]?.code).to.equal('ERR_RAFT_CONF_CHANGE_INVALID');
      expect(errors[1]).to.deep.equal(errors[0]);
      expect(errors[2]).to.deep.equal(errors[0]);
    });
  }

  it('does not keep the leader from going on', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const rawNode = newTestRawNode(1n, storage, { guardConfChanges: false });
    lead(rawNode, storage);
    rawNode.proposeConfChange(removeMember(1n));
    for (const committed of [[], [2]] as const) {
      const rd = rawNode.ready();
      storage.append(rd.entries);
      expect(rd.committedEntries.map(({ index }) => index)).to.deep.equal(committed);
      if (committed.length > 0) {
        expect(refusalOf(() => rawNode.applyConfChange(removeMember(1n))).code).to.equal(
          'ERR_RAFT_CONF_CHANGE_INVALID',
        );
      }
      rawNode.advance();
    }
    rawNode.proposeConfChange(addVoter(1n));
    cycle(rawNode, storage);
    const rd = cycle(rawNode, storage);
    expect(rd.committedEntries.map(({ index }) => index)).to.deep.equal([3]);
    expect(rawNode.raft.raftLog.applied).to.equal(3);
  });
});

describe('RawNode.checkConfChange', () => {
  it('says nothing where the change can be carried out, and carries out nothing', () => {
    const rawNode = leader();
    const before = String(rawNode.raft.trk.config);
    rawNode.checkConfChange(addVoter(2n));
    rawNode.checkConfChange(changeV2('v2 v3 l4', 'implicit'));
    expect(String(rawNode.raft.trk.config)).to.equal(before);
    expect([...rawNode.raft.trk.progress.keys()]).to.deep.equal([1n]);
    expect(rawNode.raft.isLearner).to.equal(false);
  });

  it('does not see what applyConfChange would change', () => {
    const rawNode = leader();
    rawNode.checkConfChange(changeV2('l1 v2'));
    expect(rawNode.raft.trk.progress.get(1n)?.isLearner).to.equal(false);
  });
});
