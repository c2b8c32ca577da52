import { createContext, runInContext } from 'node:vm';
import { MessageType, type RaftError } from '@raft-ts/proto';
import { MemoryStorage, Node, RawNode, type Storage } from '@raft-ts/raft';
import { expect } from 'chai';
import { message, newTestConfig, newTestRaft, readMessages, snapshotOf, withPeers } from '../../helpers/index.js';
import { rejection } from '../node/harness.js';

const elsewhere = createContext({});

/** An error of another realm: an instance of no class that is known here. */
function foreignError(text: string, fields: object = {}): Error {
  const make = runInContext('(text, fields) => Object.assign(new Error(text), fields)', elsewhere) as unknown;
  return (make as (text: string, fields: object) => Error)(text, fields);
}

/** The storage of a program in another realm, with a copy of the packages of its own: same codes, other classes. */
function foreignStorage(storage: MemoryStorage): MemoryStorage {
  return new Proxy(storage, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        try {
          return Reflect.apply(member, target, args);
        } catch (error) {
          const { code, message: text, reason } = error as RaftError;
          throw foreignError(text, { code, reason });
        }
      };
    },
  });
}

describe('a storage whose errors are of another class', () => {
  it('is understood by their codes: a leader sends its snapshot in the place of entries that are compacted', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotOf(5, 1, withPeers(1n, 2n)));
    const leader = newTestRaft(1n, foreignStorage(storage));
    leader.becomeCandidate();
    leader.becomeLeader();
    readMessages(leader);
    leader.trk.progress.get(2n)?.becomeProbe();
    leader.step(message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n, term: leader.term }));
    leader.step(
      message({
        type: MessageType.MsgAppResp,
        from: 2n,
        to: 1n,
        term: leader.term,
        reject: true,
        index: 5,
        rejectHint: 1,
      }),
    );
    expect(readMessages(leader).map(({ type }) => type)).to.include(MessageType.MsgSnap);
  });

  it('ends the member by an error without such a code, whose own text the panic tells', () => {
    const storage = foreignStorage(new MemoryStorage());
    const broken: Storage = Object.assign(Object.create(storage) as MemoryStorage, {
      firstIndex: (): number => {
        throw foreignError('the disk is gone');
      },
    });
    expect(() => new RawNode(newTestConfig(1n, broken)))
      .to.throw('the disk is gone')
      .with.property('rule', 'storage-failed');
  });
});

describe('an input that throws what is of another realm', () => {
  it('ends the node with the very error that was thrown', async () => {
    const thrown = foreignError('a logger broke');
    let breaks = false;
    const logger = {
      debugEnabled: false,
      debug() {},
      info() {
        if (breaks) throw thrown;
      },
      warn() {},
      error() {},
    };
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotOf(1, 1, withPeers(1n)));
    const config = newTestConfig(1n, storage, { logger });
    const node = new Node(new RawNode(config), config);
    breaks = true;
    expect(await rejection(node.campaign())).to.equal(thrown);
    expect(await rejection(node.propose(new Uint8Array([1])))).to.equal(thrown);
  });
});
