import { encodeConfChangeV2, MAX_CONF_CHANGES } from '@raft-ts/proto';
import {
  type AnyConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type Entry,
  EntryType,
  LOCAL_APPEND_THREAD,
  MAX_GUARDED_MEMBERS,
  MessageType,
  RaftError,
  type RawNode,
} from '@raft-ts/raft';
import { expect } from 'chai';
import {
  confChangeEntry,
  idsBySize,
  message,
  newTestMemoryStorage,
  newTestRawNode,
  type Overrides,
  proposed,
  withPeers,
} from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';
import { addLearner, addVoter, changeV2, removeMember } from './changes.js';
import { cycle, lead } from './cycle.js';

function learners(count: number): ConfChangeSingle[] {
  return Array.from({ length: count }, (_, i) => ({
    type: ConfChangeType.ConfChangeAddLearnerNode,
    nodeId: BigInt(1000 + i),
  }));
}

function v2(changes: readonly ConfChangeSingle[], transition: number = 0): AnyConfChange {
  return { transition: transition as ConfChangeTransition, changes, context: undefined };
}

const malformed: Entry = { type: EntryType.EntryConfChangeV2, term: 0, index: 0, data: Uint8Array.of(0x12, 5, 1) };

/** Changes that etcd takes as proposals and that end each of its members when they are committed. */
const inapplicable: readonly [name: string, entry: Entry, why: RegExp][] = [
  ['removes all voters', confChangeEntry(removeMember(1n)), /removed all voters/],
  ['has a step of an unknown kind', confChangeEntry(v2([{ type: 99 as ConfChangeType, nodeId: 5n }])), /conf type 99/],
  ['has an unknown transition', confChangeEntry(v2([], 7)), /unknown transition: 7|empty conf change/],
  ['has steps and an unknown transition', confChangeEntry(v2(changeV2('v2').changes, -3)), /unknown transition: -3/],
  ['cannot be decoded', malformed, /record ends within a field/],
];

function leader(overrides: Overrides = {}, voters: readonly bigint[] = [1n]): RawNode {
  const storage = newTestMemoryStorage(withPeers(...voters));
  const rawNode = newTestRawNode(1n, storage, overrides);
  if (voters.length === 1) lead(rawNode, storage);
  else {
    rawNode.raft.becomeCandidate();
    rawNode.raft.becomeLeader();
    rawNode.raft.raftLog.committed = 1;
    rawNode.raft.raftLog.acceptApplying(1, 0, true);
    rawNode.raft.raftLog.appliedTo(1, 0);
  }
  return rawNode;
}

/** Steps this as a proposal beside others; returns the reason it was refused with. */
function refusal({ raft }: RawNode, entry: Entry): string | undefined {
  const m = message({ type: MessageType.MsgProp, from: 1n, to: 1n, entries: [proposed('a'), entry, proposed('b')] });
  const outcome = raft.step(m);
  return outcome.kind === 'refused' ? outcome.reason : undefined;
}

describe('a membership change that could not be carried out', () => {
  for (const [name, entry, why] of inapplicable) {
    it(`and ${name}: the leader puts an empty entry in its place and says why`, () => {
      const rawNode = leader();
      const last = rawNode.raft.raftLog.lastIndex();
      expect(refusal(rawNode, entry)).to.match(why);
      const kinds = rawNode.raft.raftLog.allEntries().slice(last);
      expect(kinds.map(({ type, data }) => [type ?? 0, data?.length ?? 0])).to.deep.equal([
        [0, 1],
        [0, 0],
        [0, 1],
      ]);
      expect(rawNode.raft.pendingConfIndex).to.be.at.most(last);
      // The next one, which can be carried out, is not kept waiting.
      expect(rawNode.proposeConfChange(addLearner(2n))).to.deep.equal({ forwarded: false });
    });
  }

  it('and ends a joint configuration with a transition of its own', () => {
    const rawNode = leader();
    rawNode.applyConfChange(changeV2('v2', 'explicit'));
    expect(refusal(rawNode, confChangeEntry(v2([], 2)))).to.match(/config is already joint/);
    expect(refusal(rawNode, confChangeEntry(v2([])))).to.equal(undefined);
  });

  it('and needs more than one majority at a time, without asking for a joint configuration', () => {
    const both = confChangeEntry(v2(changeV2('l1 l2').changes));
    expect(refusal(leader({}, [1n, 2n]), both)).to.match(/removed all voters/);
  });

  it('because its id is that of a storage thread, is refused; one that removes such a member is not', () => {
    const rawNode = leader({ guardConfChanges: true });
    expect(refusal(rawNode, confChangeEntry(addVoter(LOCAL_APPEND_THREAD)))).to.match(/reserved/);
    expect(refusal(rawNode, confChangeEntry(removeMember(LOCAL_APPEND_THREAD)))).to.equal(undefined);
  });

  it('is appended without the guard, and if the application checks changes itself', () => {
    for (const overrides of [{ guardConfChanges: false }, { disableConfChangeValidation: true }]) {
      const rawNode = leader(overrides);
      expect(refusal(rawNode, confChangeEntry(removeMember(1n)))).to.equal(undefined);
      expect(rawNode.raft.raftLog.allEntries().at(-2)?.type).to.equal(EntryType.EntryConfChange);
      expect(() => refusal(leader(overrides), malformed)).to.throw(RaftError);
    }
  });

  it('is refused for etcd’s reason if etcd has one', () => {
    const rawNode = leader();
    rawNode.proposeConfChange(addLearner(2n));
    expect(refusal(rawNode, confChangeEntry(removeMember(1n)))).to.match(/^possible unapplied conf change/);
  });
});

describe('a membership that grows too large to be kept up', () => {
  it('is refused by the leader, in one step or in many', () => {
    const rawNode = leader();
    expect(refusal(rawNode, confChangeEntry(v2(learners(16_000))))).to.match(/16000 steps; a leader takes at most 512/);
    expect(refusal(rawNode, confChangeEntry(v2(learners(MAX_GUARDED_MEMBERS))))).to.match(
      /leads to 257 members; a leader takes at most 256/,
    );
    expect(refusal(rawNode, confChangeEntry(v2(learners(MAX_GUARDED_MEMBERS - 1))))).to.equal(undefined);
  });

  it('may shrink, and change without growing, if it is already larger', () => {
    const many = idsBySize(MAX_GUARDED_MEMBERS + 10);
    expect(refusal(leader({}, many), confChangeEntry(addVoter(1000n)))).to.match(/leads to 267 members/);
    expect(refusal(leader({}, many), confChangeEntry(removeMember(2n)))).to.equal(undefined);
    expect(refusal(leader({}, many), confChangeEntry(addLearner(2n)))).to.equal(undefined);
  });
});

describe('RawNode.applyConfChangeEntry', () => {
  it('carries out what can be carried out, of either form, and returns what then holds', () => {
    const rawNode = leader();
    expect(rawNode.applyConfChangeEntry(confChangeEntry(addVoter(2n))).voters).to.deep.equal([1n, 2n]);
    expect(rawNode.applyConfChangeEntry(confChangeEntry(changeV2('l3'))).learners).to.deep.equal([3n]);
    const empty: Entry = { type: EntryType.EntryConfChange, term: 1, index: 9, data: undefined };
    expect(rawNode.applyConfChangeEntry(empty).voters).to.deep.equal([1n, 2n]);
  });

  for (const [name, entry, why] of inapplicable) {
    it(`changes nothing where the change ${name}, on every member alike, and says so`, () => {
      const states = [1n, 2n, 3n].map((id) => {
        const logger = new RecordingLogger();
        const rawNode = newTestRawNode(id, newTestMemoryStorage(withPeers(1n)), { logger });
        const { config, progress } = rawNode.raft.trk;
        const confState = rawNode.applyConfChangeEntry({ ...entry, index: 7, term: 1 });
        expect(rawNode.raft.trk).to.include({ config, progress });
        const warnings = logger.lines.filter((line) => line.startsWith('warn'));
        expect(warnings).to.have.lengthOf(1);
        if (!/empty conf change/.test(why.source)) expect(warnings[0]).to.match(why);
        expect(warnings[0]).to.match(/skipped the membership change at index 7/);
        return confState;
      });
      for (const state of states) expect(state).to.deep.equal(states[0]);
      expect(states[0]?.voters).to.deep.equal([1n]);
    });
  }

  it('lets the log go on after it: what follows is committed and applied', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const rawNode = newTestRawNode(1n, storage, { guardConfChanges: false });
    lead(rawNode, storage);
    rawNode.proposeConfChange(removeMember(1n));
    while (rawNode.hasReady()) cycle(rawNode, storage);
    rawNode.proposeConfChange(addLearner(2n));
    while (rawNode.hasReady()) cycle(rawNode, storage);
    expect(rawNode.raft.trk.config.confState()).to.deep.include({ voters: [1n], learners: [2n] });
  });

  it('has one line for a flood of them in one election timeout, and then tells how many there were', () => {
    const logger = new RecordingLogger();
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n)), { logger });
    const warnings = (): string[] => logger.lines.filter((line) => line.startsWith('warn'));
    for (let i = 0; i < 1000; i++) rawNode.applyConfChangeEntry({ ...malformed, index: i, term: 1 });
    expect(warnings()).to.have.lengthOf(1);
    for (let i = 0; i < 10; i++) rawNode.raft.warnings.tick();
    rawNode.applyConfChangeEntry({ ...malformed, index: 1000, term: 1 });
    expect(warnings()).to.have.lengthOf(2);
    expect(warnings()[1]).to.match(/\(999 more of this kind since the last such line\)$/);
  });

  it('does not skip what goes only beyond a limit of ours: Go members carry it out', () => {
    const steps = (count: number): Uint8Array => {
      const allowed = encodeConfChangeV2({ transition: 0, changes: [], context: undefined });
      // A step of two bytes: it adds node 0, which changes nothing.
      return Uint8Array.from([...allowed, ...Array.from({ length: count }, () => [0x12, 0]).flat()]);
    };
    const entry = (data: Uint8Array): Entry => ({ type: EntryType.EntryConfChangeV2, term: 3, index: 8, data });
    const rawNode = leader();
    expect(rawNode.applyConfChangeEntry(entry(steps(MAX_CONF_CHANGES))).autoLeave).to.equal(true);
    const other = leader();
    const before = other.raft.trk.config;
    expect(() => other.applyConfChangeEntry(entry(steps(MAX_CONF_CHANGES + 1))))
      .to.throw(RaftError, /at index 8 of term 3 exceeds .* 16385 steps/)
      .and.include({ code: 'ERR_RAFT_CONF_CHANGE_LIMIT', reason: 'limit' });
    expect(other.raft.trk.config).to.equal(before);
    const nested = entry(Uint8Array.from([...Array<number>(200).fill(0x7b), ...Array<number>(200).fill(0x7c)]));
    expect(() => other.applyConfChangeEntry(nested))
      .to.throw(RaftError)
      .and.include({ code: 'ERR_RAFT_CONF_CHANGE_LIMIT', reason: 'nesting' });
    // Where etcd cannot read it either, the number of steps does not matter.
    const broken = entry(Uint8Array.from([...steps(MAX_CONF_CHANGES + 1), 0x12, 9]));
    expect(other.applyConfChangeEntry(broken).voters).to.deep.equal([1n]);
  });
});
