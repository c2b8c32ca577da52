import { createContext, runInContext } from 'node:vm';
import { type Message, MessageType } from '@raft-ts/proto';
import { ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE, MemoryStorage, Node, RawNode, type Storage } from '@raft-ts/raft';
import { expect } from 'chai';
import {
  makeLeader,
  message,
  newTestConfig,
  newTestRaft,
  readMessages,
  snapshotOf,
  withPeers,
} from '../../helpers/index.js';
import { rejection } from '../../helpers/waiting.js';

const elsewhere = createContext({});

/** An error of another realm: an instance of no class that is known here. */
function foreignError(text: string, fields: object = {}): Error {
  const make = runInContext('(text, fields) => Object.assign(new Error(text), fields)', elsewhere) as unknown;
  return (make as (text: string, fields: object) => Error)(text, fields);
}

describe('a storage whose errors are of another class', () => {
  it('is understood by their codes: a leader whose snapshot is not ready yet goes on, and sends it when it is', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotOf(5, 1, withPeers(1n, 2n)));
    let isReady = false;
    const slow = Object.assign(Object.create(storage) as MemoryStorage, {
      snapshot: () => {
        if (!isReady) throw foreignError('not yet', { code: ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE });
        return storage.snapshot();
      },
    });
    const leader = newTestRaft(1n, slow);
    makeLeader(leader);
    const typesSent = (): unknown[] => readMessages(leader).map(({ type }) => type);
    const answer = (fields: Partial<Message> & Pick<Message, 'type'>): void => {
      leader.step(message({ from: 2n, to: 1n, term: leader.term, ...fields }));
    };
    answer({ type: MessageType.MsgAppResp, reject: true, index: 5, rejectHint: 1 });
    expect(typesSent()).not.to.include(MessageType.MsgSnap);
    isReady = true;
    answer({ type: MessageType.MsgHeartbeatResp });
    expect(typesSent()).to.include(MessageType.MsgSnap);
  });

  it('ends the member by an error without such a code, whose own text the panic tells', () => {
    const broken: Storage = Object.assign(new MemoryStorage(), {
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
