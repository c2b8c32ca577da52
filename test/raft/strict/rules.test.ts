import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storageError } from '@raft-ts/proto/internal';
import {
  ConfChangeType,
  type Entry,
  MemoryStorage,
  type Message,
  MessageType,
  RaftError,
  type RawNode,
  type Ready,
} from '@raft-ts/raft';
import { ERR_STRICT, STRICT_RULES, type StrictError } from '@raft-ts/raft/strict';
import { expect } from 'chai';
import { bytes, message, snapshotOf, withPeers } from '../../helpers/index.js';
import { root } from '../../repo/repository.js';
import { save } from '../rawnode/cycle.js';
import { expectBroken, strictAsyncMember, strictMember } from './member.js';

const { MsgApp, MsgAppResp, MsgSnap, MsgStorageAppend, MsgStorageApply, MsgVoteResp } = MessageType;

/** Every rule that some test below has broken. */
const broken = new Set<string>();

function expectRule(...[rule, what]: Parameters<typeof expectBroken>): StrictError {
  broken.add(rule);
  return expectBroken(rule, what);
}

type Parts = ReturnType<typeof strictMember>;

/** Does what one Ready asks for, as it should be done. */
function finish({ node, transport, storage }: Pick<Parts, 'node' | 'transport' | 'storage'>, rd: Ready): void {
  save(rd, storage);
  transport.send(rd.messages);
  for (const entry of rd.committedEntries) if (entry.type === 1 || entry.type === 2) node.applyConfChangeEntry(entry);
  node.advance();
}

function settle(parts: Pick<Parts, 'node' | 'transport' | 'storage'>): void {
  while (parts.node.hasReady()) finish(parts, parts.node.ready());
}

/** Makes member 1 the leader of term 2 of three. */
function elect(parts: Pick<Parts, 'node' | 'transport' | 'storage'>): void {
  parts.node.campaign();
  settle(parts);
  parts.node.step(message({ type: MsgVoteResp, from: 2n, to: 1n, term: 2 }));
  settle(parts);
}

function entry(index: number, term: number): Entry {
  return { type: undefined, term, index, data: bytes(`entry ${index}`) };
}

/** An append of the leader of this term, member 2. */
function append(term: number, before: { index: number; term: number }, entries: readonly Entry[]): Message {
  const { index, term: logTerm } = before;
  return message({ type: MsgApp, from: 2n, to: 1n, term, index, logTerm, entries, commit: 1 });
}

/** Changes the bytes of the first entry to be written. */
function spoil({ entries: [first] }: Ready): void {
  const { data } = first as Entry & { readonly data: Uint8Array };
  data[0] = 1;
}

describe('strict mode', () => {
  after(() =>
    expect([...broken].sort(), 'every rule has a test that breaks it').to.deep.equal([...STRICT_RULES].sort()),
  );

  describe('of a member with synchronous storage', () => {
    it('saved-before-sent: a vote must not leave before it is saved', () => {
      const { node, transport, storage, sent } = strictMember();
      node.campaign();
      const rd = node.ready();
      const error = expectRule('saved-before-sent', () => transport.send(rd.messages));
      expect(error.message).to.contain('MsgVote').and.contain('term 2');
      expect(sent, 'nothing has left').to.deep.equal([]);
      save(rd, storage);
      transport.send(rd.messages);
      expect(sent).to.have.lengthOf(2);
    });

    it('saved-before-sent: nor an acknowledgement before its entries are, nor one of a snapshot', () => {
      const { node, transport, storage } = strictMember();
      node.step(append(1, { index: 1, term: 1 }, [entry(2, 1), entry(3, 1)]));
      let rd = node.ready();
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      expectRule('saved-before-sent', () => transport.send(rd.messages));
      storage.append(rd.entries.slice(0, 1));
      expect(expectRule('saved-before-sent', () => transport.send(rd.messages)).message).to.contain('2 to 3');
      finish({ node, transport, storage }, rd);
      const snapshot = snapshotOf(9, 1, withPeers(1n, 2n, 3n));
      node.step(message({ type: MsgSnap, from: 2n, to: 1n, term: 1, snapshot }));
      rd = node.ready();
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      const error = expectRule('saved-before-sent', () => transport.send(rd.messages));
      expect(error.message).to.contain('snapshot of index 9');
      finish({ node, transport, storage }, rd);
    });

    it('lets a leader send its appends while it writes, and nothing else', () => {
      const parts = strictMember();
      elect(parts);
      parts.node.propose(bytes('a'));
      const rd = parts.node.ready();
      expect(rd.entries).to.have.lengthOf(1);
      parts.transport.send(rd.messages.filter(({ type }) => type === MsgApp));
      save(rd, parts.storage);
      parts.node.advance();
    });

    it('saved-before-advance', () => {
      const { node, storage } = strictMember();
      node.campaign();
      const rd = node.ready();
      expectRule('saved-before-advance', () => node.advance());
      save(rd, storage);
      node.advance();
    });

    it('no-gap: a storage that lacks an entry in the middle, or what comes before the first', () => {
      class Holes extends MemoryStorage {
        hole = 0;
        override term(i: number): number {
          if (i === this.hole) throw storageError('ERR_RAFT_UNAVAILABLE');
          return super.term(i);
        }
      }
      for (const hole of [3, 1]) {
        const storage = new Holes();
        const { node } = strictMember({ storage });
        node.step(append(1, { index: 1, term: 1 }, [entry(2, 1), entry(3, 1), entry(4, 1)]));
        save(node.ready(), storage);
        storage.hole = hole;
        expect(expectRule('no-gap', () => node.advance()).message).to.contain(String(hole));
      }
    });

    it('suffix-replaced: a storage that keeps what was after the entries', () => {
      class Keeps extends MemoryStorage {
        longest = 0;
        override lastIndex(): number {
          this.longest = Math.max(this.longest, super.lastIndex());
          return this.longest;
        }
      }
      const parts = strictMember({ storage: new Keeps() });
      parts.node.step(append(1, { index: 1, term: 1 }, [entry(2, 1), entry(3, 1), entry(4, 1)]));
      settle(parts);
      parts.node.step(append(2, { index: 1, term: 1 }, [entry(2, 2)]));
      save(parts.node.ready(), parts.storage);
      expectRule('suffix-replaced', () => parts.node.advance());
    });

    it('no-ready-skipped', () => {
      const { node } = strictMember();
      node.campaign();
      node.ready();
      expectRule('no-ready-skipped', () => node.ready());
      const other = strictMember();
      other.node.campaign();
      other.node.acceptReady(other.node.readyWithoutAccept());
      expectRule('no-ready-skipped', () => other.node.acceptReady(other.node.readyWithoutAccept()));
    });

    it('advance-once: not twice, and not without a Ready', () => {
      const parts = strictMember();
      expectRule('advance-once', () => parts.node.advance());
      parts.node.campaign();
      finish(parts, parts.node.ready());
      expectRule('advance-once', () => parts.node.advance());
    });

    it('changes-carried-out', () => {
      const parts = strictMember({ voters: [1n] });
      parts.node.campaign();
      settle(parts);
      parts.node.proposeConfChange({ id: 0n, type: ConfChangeType.ConfChangeAddNode, nodeId: 2n, context: undefined });
      let rd = parts.node.ready();
      while (rd.committedEntries.length === 0) {
        finish(parts, rd);
        rd = parts.node.ready();
      }
      save(rd, parts.storage);
      expectRule('changes-carried-out', () => parts.node.advance());
      for (const one of rd.committedEntries) parts.node.applyConfChangeEntry(one);
      parts.node.advance();
    });
  });

  describe('of snapshots that are sent', () => {
    /** A leader that has just sent a snapshot to member 2. */
    function sender(snapshotTicks: number): Parts {
      const parts = strictMember({ snapshotTicks });
      elect(parts);
      parts.node.step(message({ type: MsgAppResp, from: 3n, to: 1n, term: 2, index: 2 }));
      settle(parts);
      parts.storage.createSnapshot(2, undefined, bytes('state'));
      parts.storage.compact(2);
      const refusal = { reject: true, rejectHint: 0, index: 1 };
      parts.node.step(message({ type: MsgAppResp, from: 2n, to: 1n, term: 2, ...refusal }));
      settle(parts);
      expect(parts.sent.filter(({ type }) => type === MsgSnap)).to.have.lengthOf(1);
      return parts;
    }

    it('snapshot-reported: in time', () => {
      const { node } = sender(5);
      for (let i = 0; i < 5; i++) node.tick();
      expect(expectRule('snapshot-reported', () => node.tick()).message).to.contain('member 2');
    });

    it('and no complaint if it is', () => {
      const { node } = sender(5);
      node.reportSnapshot(2n, 'failure');
      for (let i = 0; i < 9; i++) node.tick();
    });

    it('snapshot-reported-once', () => {
      const { node } = sender(5);
      node.reportSnapshot(2n, 'finish');
      expectRule('snapshot-reported-once', () => node.reportSnapshot(2n, 'finish'));
      expectRule('snapshot-reported-once', () => node.reportSnapshot(3n, 'failure'));
    });
  });

  describe('of bytes', () => {
    it('bytes-unchanged: after they were proposed, alone or in a batch', () => {
      for (const propose of [
        (node: RawNode, data: Uint8Array) => node.propose(data),
        (node: RawNode, data: Uint8Array) => node.proposeBatch([bytes('first'), data]),
      ]) {
        const parts = strictMember();
        elect(parts);
        const data = bytes('a write');
        propose(parts.node, data);
        data[0] = 1;
        expectRule('bytes-unchanged', () => parts.node.ready());
      }
    });

    it('bytes-unchanged: between being written, and sent or applied', () => {
      const parts = strictMember({ voters: [1n] });
      parts.node.campaign();
      settle(parts);
      parts.node.propose(bytes('a write'));
      const rd = parts.node.ready();
      save(rd, parts.storage);
      parts.node.advance();
      spoil(rd);
      expectRule('bytes-unchanged', () => parts.node.ready());

      const leader = strictMember();
      elect(leader);
      leader.node.step(message({ type: MsgAppResp, from: 2n, to: 1n, term: 2, index: 2 }));
      settle(leader);
      leader.node.propose(bytes('a write'));
      const sending = leader.node.ready();
      spoil(sending);
      expectRule('bytes-unchanged', () => leader.transport.send(sending.messages));
    });

    it('and the bytes of a refused proposal are their owner’s again, as are those that were applied', () => {
      const follower = strictMember();
      const data = bytes('nobody leads');
      expect(() => follower.node.propose(data)).to.throw(RaftError, 'dropped');
      data[0] = 1;
      follower.node.campaign();
      follower.node.ready();

      const alone = strictMember({ voters: [1n] });
      alone.node.campaign();
      settle(alone);
      const applied = bytes('applied');
      alone.node.propose(applied);
      settle(alone);
      applied[0] = 1;
      alone.node.propose(bytes('next'));
      settle(alone);
    });
  });

  describe('of a member with asynchronous storage', () => {
    /** The work of a Ready for the two threads, and what goes to others. */
    function parts(messages: readonly Message[]) {
      const of = (type: MessageType): Message[] => messages.filter((m) => m.type === type);
      const local = [...of(MsgStorageAppend), ...of(MsgStorageApply)];
      return {
        appends: of(MsgStorageAppend),
        applies: of(MsgStorageApply),
        others: messages.filter((m) => !local.includes(m)),
      };
    }

    function write(storage: MemoryStorage, { term, vote, commit, entries }: Message): void {
      if (term > 0) storage.setHardState({ term, vote, commit });
      storage.append(entries);
    }

    it('saved-before-sent: the answers of a write wait for it', () => {
      const { node, transport, storage } = strictAsyncMember();
      node.step(append(1, { index: 1, term: 1 }, [entry(2, 1)]));
      const [work] = parts(node.ready().messages).appends as [Message];
      const [toLeader] = work.responses.filter(({ to }) => to === 2n) as [Message];
      const [toSelf] = work.responses.filter(({ to }) => to === 1n) as [Message];
      expectRule('saved-before-sent', () => transport.send([toLeader]));
      expectRule('saved-before-sent', () => node.step(toSelf));
      write(storage, work);
      transport.send([toLeader]);
      node.step(toSelf);
    });

    it('answers-in-order: neither overtaking, nor twice', () => {
      const { node, storage } = strictAsyncMember();
      node.step(append(1, { index: 1, term: 1 }, [entry(2, 1)]));
      const [first] = parts(node.ready().messages).appends as [Message];
      node.step(append(1, { index: 2, term: 1 }, [entry(3, 1)]));
      const [second] = parts(node.ready().messages).appends as [Message];
      write(storage, first);
      write(storage, second);
      const own = (m: Message): Message => m.responses.find(({ to }) => to === 1n) as Message;
      expectRule('answers-in-order', () => node.step(own(second)));
      node.step(own(first));
      node.step(own(second));
      expectRule('answers-in-order', () => node.step(own(second)));
    });

    it('knows that a later write has replaced an earlier one', () => {
      const { node, transport, storage } = strictAsyncMember();
      node.step(append(1, { index: 1, term: 1 }, [entry(2, 1), entry(3, 1)]));
      const [first] = parts(node.ready().messages).appends as [Message];
      node.step(append(2, { index: 1, term: 1 }, [entry(2, 2)]));
      const [second] = parts(node.ready().messages).appends as [Message];
      write(storage, first);
      write(storage, second);
      for (const m of [...first.responses, ...second.responses]) {
        if (m.to === 1n) node.step(m);
        else transport.send([m]);
      }
    });

    it('never-advance', () => {
      const { node } = strictAsyncMember();
      // The type does not have it.
      expectRule('never-advance', () => (node as RawNode).advance());
    });

    it('local-messages-stay', () => {
      const { node, transport } = strictAsyncMember();
      node.campaign();
      const rd = node.ready();
      expectRule('local-messages-stay', () => transport.send(rd.messages));
    });

    it('mode-as-configured', async () => {
      const { rawNode, storage } = strictAsyncMember();
      const { strict } = await import('@raft-ts/raft/strict');
      const { node } = strict(rawNode, storage, { send: () => {} });
      node.campaign();
      expectRule('mode-as-configured', () => node.ready());
    });
  });

  it('says what was done, what to do instead, and where the reason is explained', () => {
    const page = readFileSync(join(root, 'docs/strict.md'), 'utf8');
    const error = expectBroken('advance-once', () => strictMember().node.advance());
    expect(error).to.include({ code: ERR_STRICT, reason: 'advance-once', see: 'docs/strict.md#advance-once' });
    expect(error).to.be.instanceOf(RaftError);
    expect(error.message).to.contain('advance() is called').and.contain(error.advice).and.contain(error.see);
    for (const rule of STRICT_RULES) expect(page, rule).to.contain(`\n### ${rule}\n`);
  });

  it('is used like the node and the transport that it stands for', () => {
    const { node, rawNode, transport } = strictMember();
    expect(node.hasReady()).to.equal(false);
    expect(node.raft).to.equal(rawNode.raft);
    expect(node.status()).to.deep.equal(rawNode.status());
    expect(Object.keys(transport)).to.deep.equal(['send']);
  });
});
