import {
  type AnyConfChange,
  type ConfState,
  decodeConfChangeEntry,
  type Entry,
  EntryType,
  emptyConfState,
  type MemoryStorage,
  MessageType,
  type RawNode,
  type Ready,
} from '@raft-ts/raft';
import { isV2, marshalConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { bytes, message, newTestMemoryStorage, newTestRawNode, withPeers } from '../../helpers/index.js';
import { addVoter, changeV2 } from './changes.js';
import { applyChanges, cycle, lead, save } from './cycle.js';

function confState(fields: Partial<ConfState>): ConfState {
  return { ...emptyConfState(), ...fields };
}

/** A single voter that does not lead yet. */
function newMember(): { rawNode: RawNode; storage: MemoryStorage } {
  const storage = newTestMemoryStorage(withPeers(1n));
  return { rawNode: newTestRawNode(1n, storage), storage };
}

/** Campaigns, proposes a payload and the change as soon as it leads, and stores until the change is committed. */
function commitChange(rawNode: RawNode, storage: MemoryStorage, cc: AnyConfChange): Ready {
  rawNode.campaign();
  let proposed = false;
  for (let readys = 0; readys < 20; readys++) {
    const rd = rawNode.ready();
    save(rd, storage);
    if (rd.committedEntries.some(({ type }) => type !== undefined)) return rd;
    rawNode.advance();
    if (!proposed && rawNode.raft.state === 'StateLeader') {
      proposed = true;
      rawNode.propose(bytes('somedata'));
      rawNode.proposeConfChange(cc);
    }
  }
  return expect.fail('the change was not committed');
}

/** The last two stored entries are the payload and the change. */
function expectStored(storage: MemoryStorage, cc: AnyConfChange): void {
  const last = storage.lastIndex();
  const entries = storage.entries(last - 1, last + 1, Number.POSITIVE_INFINITY);
  expect(entries.map(({ type, data }) => ({ type, data }))).to.deep.equal([
    { type: undefined, data: bytes('somedata') },
    {
      type: isV2(cc) ? EntryType.EntryConfChangeV2 : EntryType.EntryConfChange,
      data: marshalConfChange(cc).data,
    },
  ]);
}

/** The one entry of this Ready leaves a joint configuration. */
function expectLeave(rd: Ready, context: Uint8Array | undefined): AnyConfChange {
  expect(rd.entries.map(({ type }) => type)).to.deep.equal([EntryType.EntryConfChangeV2]);
  const cc = decodeConfChangeEntry(rd.entries[0] as Entry);
  expect(cc).to.deep.equal({ ...changeV2(''), context });
  return cc;
}

describe("etcd's tests of RawNode: membership changes", () => {
  describe('RN-002 TestRawNodeProposeAndConfChange: a change takes effect when it is applied, and a joint one is left', () => {
    const cases: readonly [name: string, cc: AnyConfChange, applied: Partial<ConfState>, left?: Partial<ConfState>][] =
      [
        ['V1 v2', addVoter(2n), { voters: [1n, 2n] }],
        ['V2 auto v2', changeV2('v2'), { voters: [1n, 2n] }],
        ['V2 auto l2', changeV2('l2'), { voters: [1n], learners: [2n] }],
        [
          'V2 explicit l2',
          changeV2('l2', 'explicit'),
          { voters: [1n], votersOutgoing: [1n], learners: [2n] },
          { voters: [1n], learners: [2n] },
        ],
        [
          'V2 implicit l2',
          changeV2('l2', 'implicit'),
          { voters: [1n], votersOutgoing: [1n], learners: [2n], autoLeave: true },
          { voters: [1n], learners: [2n] },
        ],
        [
          'V2 auto v2 l1 l3',
          changeV2('v2 l1 l3'),
          { voters: [2n], votersOutgoing: [1n], learners: [3n], learnersNext: [1n], autoLeave: true },
          { voters: [2n], learners: [1n, 3n] },
        ],
        [
          'V2 explicit v2 l1 l3',
          changeV2('v2 l1 l3', 'explicit'),
          { voters: [2n], votersOutgoing: [1n], learners: [3n], learnersNext: [1n] },
          { voters: [2n], learners: [1n, 3n] },
        ],
        [
          'V2 implicit v2 l1 l3',
          changeV2('v2 l1 l3', 'implicit'),
          { voters: [2n], votersOutgoing: [1n], learners: [3n], learnersNext: [1n], autoLeave: true },
          { voters: [2n], learners: [1n, 3n] },
        ],
      ];
    for (const [name, cc, applied, left] of cases) {
      it(name, () => {
        const { rawNode, storage } = newMember();
        const rd = commitChange(rawNode, storage, cc);
        const { autoLeave } = confState(applied);
        expect(applyChanges(rawNode, rd)).to.deep.equal(confState(applied));
        rawNode.advance();
        expectStored(storage, cc);
        // Where the change leaves by itself, the entry that does so is in the log already, but not in storage.
        expect(rawNode.raft.pendingConfIndex).to.equal(storage.lastIndex() + (autoLeave ? 1 : 0));

        let next = rawNode.ready();
        let context: Uint8Array | undefined;
        if (!autoLeave) {
          expect(next.entries).to.deep.equal([]);
          rawNode.advance();
          if (left === undefined) return;
          context = bytes('manual');
          rawNode.proposeConfChange({ ...changeV2(''), context });
          next = rawNode.ready();
        }
        expect(left).to.not.equal(undefined);
        const leave = expectLeave(next, context);
        expect(rawNode.applyConfChange(leave)).to.deep.equal(confState(left ?? {}));
      });
    }
  });

  it('RN-003 TestRawNodeJointAutoLeave: a leader that lost its term does not leave, and does when it leads again', () => {
    const { rawNode, storage } = newMember();
    const cc = changeV2('l2', 'implicit');
    const rd = commitChange(rawNode, storage, cc);
    // A message of a later term deposes it before it has applied the change. RawNode would refuse one from itself.
    rawNode.raft.step(message({ type: MessageType.MsgHeartbeatResp, from: 1n, to: 1n, term: rawNode.raft.term + 1 }));
    expect(rawNode.raft.state).to.equal('StateFollower');
    expect(applyChanges(rawNode, rd)).to.deep.equal(
      confState({ voters: [1n], votersOutgoing: [1n], learners: [2n], autoLeave: true }),
    );
    rawNode.advance();
    expectStored(storage, cc);
    expect(rawNode.raft.pendingConfIndex).to.equal(0);
    expect(rawNode.readyWithoutAccept().entries).to.deep.equal([]);

    rawNode.campaign();
    for (let i = 0; i < 3; i++) {
      const next = rawNode.ready();
      save(next, storage);
      rawNode.advance();
    }
    const leave = expectLeave(rawNode.ready(), undefined);
    expect(rawNode.applyConfChange(leave)).to.deep.equal(confState({ voters: [1n], learners: [2n] }));
  });

  it('RN-004 TestRawNodeProposeAddDuplicateNode: adding a voter again changes nothing and holds up no later change', () => {
    const { rawNode, storage } = newMember();
    lead(rawNode, storage);
    for (const id of [1n, 1n, 2n]) {
      rawNode.proposeConfChange(addVoter(id));
      cycle(rawNode, storage);
      // Stored by the only voter, the entry is committed with the next Ready. Before that no other change is taken.
      cycle(rawNode, storage);
    }
    const last = storage.lastIndex();
    const entries = storage.entries(last - 2, last + 1, Number.POSITIVE_INFINITY);
    expect(entries.map(({ data }) => data)).to.deep.equal(
      [1n, 1n, 2n].map((id) => marshalConfChange(addVoter(id)).data),
    );
    expect(rawNode.raft.trk.config.confState()).to.deep.equal(confState({ voters: [1n, 2n] }));
  });
});
