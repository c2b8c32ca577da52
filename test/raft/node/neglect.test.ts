import { type Entry, EntryType, MessageType } from '@raft-ts/proto';
import {
  consoleLogger,
  decodeConfChange,
  joinNode,
  MemoryStorage,
  type Node,
  RaftError,
  RawNode,
  startNode,
} from '@raft-ts/raft';
import { marshalConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { addNode, bytes, changeV2, message, newTestConfig } from '../../helpers/index.js';
import { rejection, turns } from '../../helpers/waiting.js';
import { NodeHarness, RecordingLogger, refusal } from './harness.js';

const ELECTION_TICK = 10;

/** Takes every Ready and does nothing with it. */
function drain(node: Node): { done: Promise<void> } {
  const run = async (): Promise<void> => {
    for await (const _ of node.ready()) node.advance();
  };
  return { done: run() };
}

function warnings(logger: RecordingLogger): string[] {
  return logger.lines.filter((line) => line.startsWith('warn '));
}

describe('what the program around a node forgets is told at warn', () => {
  it('tick(): by proposals that pile up, and by one that is given up', async () => {
    for (const [waiting, text] of [
      [64, /has 64 proposals waiting for a leader, and tick\(\) was not called/],
      [1, /found no leader for a proposal, which was given up, and tick\(\) was not called/],
    ] as const) {
      const logger = new RecordingLogger();
      const { node } = NodeHarness.of({ logger });
      const cancel = new AbortController();
      const calls = Array.from({ length: waiting }, () => node.propose(bytes('x'), { signal: cancel.signal }));
      const rejections = Promise.all(calls.map((call) => rejection(call)));
      cancel.abort();
      await rejections;
      expect(warnings(logger)).to.have.length(1);
      expect(warnings(logger)[0]).to.match(text);
    }
  });

  it('nothing about ticks if there are some', async () => {
    const logger = new RecordingLogger();
    const { node } = NodeHarness.of({ logger }, [1n, 2n]);
    node.tick();
    const waiting = Array.from({ length: 100 }, () => rejection(node.propose(bytes('x'))));
    await node.stop();
    await Promise.all(waiting);
    expect(warnings(logger)).to.deep.equal([]);
  });

  it('advance(): if the work of a Ready does not end', async () => {
    const logger = new RecordingLogger();
    const harness = NodeHarness.of({ logger });
    await harness.node.campaign();
    await harness.ready();
    for (let i = 0; i < 10 * ELECTION_TICK - 1; i++) harness.node.tick();
    expect(warnings(logger)).to.deep.equal([]);
    harness.node.tick();
    expect(warnings(logger)).to.have.length(1);
    expect(warnings(logger)[0]).to.match(/has waited 100 ticks for advance\(\)/);
    for (let i = 0; i < 1000; i++) harness.node.tick();
    expect(warnings(logger)).to.have.length(1);
  });

  it('the loop: if nobody takes a Ready', () => {
    const logger = new RecordingLogger();
    const node = startNode(newTestConfig(1n, new MemoryStorage(), { logger }), [{ id: 1n }]);
    for (let i = 0; i < 10 * ELECTION_TICK; i++) node.tick();
    const told = warnings(logger).filter((line) => line.includes('raft.node'));
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/has had work for 100 ticks that nobody consumes: iterate over ready\(\)/);
  });

  it('nothing if the loop waits and there is nothing to do', async () => {
    const logger = new RecordingLogger();
    const harness = NodeHarness.of({ logger }, [1n, 2n]);
    const { done } = harness.drive();
    for (let i = 0; i < 500; i++) {
      harness.node.tick();
      await turns(1);
    }
    await harness.node.stop();
    await done;
    expect(warnings(logger)).to.deep.equal([]);
  });

  it('the third way to begin: a member that joins and that nobody speaks to, or only with snapshots that do not name it', async () => {
    for (const [heard, text] of [
      [false, /1 has no membership and has heard from no leader in 100 ticks: propose a change that adds it/],
      [true, /1 hears from a leader but has no membership after 100 ticks: .*make a new snapshot there/],
    ] as const) {
      const logger = new RecordingLogger();
      const harness = joinNode(newTestConfig(1n, new MemoryStorage(), { logger }));
      if (heard) await harness.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
      const { done } = drain(harness);
      for (let i = 0; i < 300; i++) {
        harness.tick();
        await turns(1);
      }
      await harness.stop();
      await done;
      expect(warnings(logger)).to.have.length(1);
      expect(warnings(logger)[0]).to.match(text);
    }
  });

  it('joinNode is for empty storage', () => {
    const storage = new MemoryStorage();
    storage.append([{ type: undefined, term: 1, index: 1, data: undefined }]);
    expect(() => joinNode(newTestConfig(1n, storage)))
      .to.throw(RaftError, 'use restartNode if a log exists')
      .with.property('code', 'ERR_RAFT_BOOTSTRAP');
  });

  it('applyConfChangeEntry(): for a change that was handed out and only told to be applied', () => {
    const logger = new RecordingLogger();
    const storage = new MemoryStorage();
    const rawNode = new RawNode(newTestConfig(1n, storage, { logger }));
    rawNode.bootstrap([{ id: 1n }, { id: 2n }]);
    for (let rd = rawNode.ready(); ; rd = rawNode.ready()) {
      storage.append(rd.entries);
      // The change of entry 2 is forgotten.
      for (const entry of rd.committedEntries) if (entry.index === 1) rawNode.applyConfChangeEntry(entry);
      rawNode.advance();
      if (!rawNode.hasReady()) break;
    }
    expect(warnings(logger)).to.have.length(1);
    expect(warnings(logger)[0]).to.match(
      /the membership change at index 2 is applied, without a call of applyConfChangeEntry/,
    );
  });

  it('nothing, of a change that the application rejects as that warning advises, in either form', () => {
    for (const rejected of [addNode(0n), changeV2('v0')]) {
      const logger = new RecordingLogger();
      const storage = new MemoryStorage();
      const wanted = 'changes' in rejected ? changeV2('v2 r1') : addNode(2n);
      storage.append([
        { ...marshalConfChange(addNode(1n)), term: 1, index: 1 },
        { ...marshalConfChange(wanted), term: 1, index: 2 },
      ]);
      storage.setHardState({ term: 1, vote: 1n, commit: 2 });
      const rawNode = new RawNode(newTestConfig(1n, storage, { logger }));
      rawNode.ready();
      for (const cc of [addNode(1n), rejected]) rawNode.applyConfChange(cc);
      rawNode.advance();
      expect(rawNode.raft.trk.config.confState()).to.deep.include({ voters: [1n], votersOutgoing: [] });
      expect(warnings(logger)).to.deep.equal([]);
    }
  });
});

describe('what a member would do in silence', () => {
  it('a change of the second form, decoded as one of the first, is refused', () => {
    const storage = new MemoryStorage();
    const { type, data } = marshalConfChange(changeV2('v2 v3'));
    const change: Entry = { type, term: 1, index: 2, data };
    const first = marshalConfChange(addNode(1n));
    storage.append([{ ...first, term: 1, index: 1 }, change]);
    storage.setHardState({ term: 1, vote: 1n, commit: 2 });
    const rawNode = new RawNode(newTestConfig(1n, storage));
    const rd = rawNode.ready();
    expect(rd.committedEntries.map((entry) => entry.type)).to.deep.equal([
      EntryType.EntryConfChange,
      EntryType.EntryConfChangeV2,
    ]);
    rawNode.applyConfChange(decodeConfChange(rd.committedEntries[0]?.data as Uint8Array));
    expect(() => rawNode.applyConfChange(decodeConfChange(data)))
      .to.throw(RaftError, 'entry 2 is an EntryConfChangeV2')
      .that.includes({ code: 'ERR_RAFT_CONF_CHANGE_INVALID', reason: 'decoded-as-v1' });
    rawNode.applyConfChangeEntry(change);
    expect([...rawNode.raft.trk.config.confState().voters]).to.deep.equal([1n, 2n, 3n]);
  });

  it('Node.readIndex without a leader rejects, and RawNode drops it as etcd does', async () => {
    const harness = NodeHarness.of({}, [1n, 2n]);
    expect(await refusal(harness.node.readIndex(bytes('r')))).to.deep.equal({
      code: 'ERR_RAFT_READ_DROPPED',
      reason: 'no-leader',
    });
    harness.rawNode.readIndex(bytes('r'));
    await harness.node.step(message({ type: 8, from: 2n, to: 1n, term: 1 }));
    await harness.node.readIndex(bytes('r'));
    const rd = await harness.ready();
    expect(rd.messages.filter(({ type }) => type === 15)).to.have.length(1);
  });

  it('a membership change that is forwarded says that its outcome is not told', async () => {
    const logger = new RecordingLogger();
    const harness = NodeHarness.of({ logger }, [1n, 2n]);
    await harness.node.step(message({ type: 8, from: 2n, to: 1n, term: 1 }));
    expect(await harness.node.proposeConfChange(addNode(3n))).to.deep.equal({ forwarded: true });
    expect(warnings(logger)).to.have.length(1);
    expect(warnings(logger)[0]).to.match(/1 forwarded a membership change to leader 2, which does not say/);
    await harness.node.propose(bytes('x'));
    expect(warnings(logger)).to.have.length(1);
  });

  it('the default logger says warnings and errors on the console, and nothing else', () => {
    const lines: string[] = [];
    const { warn, error } = console;
    try {
      console.warn = (line: string) => void lines.push(`warn ${line}`);
      console.error = (line: string) => void lines.push(`error ${line}`);
      consoleLogger.debug('a');
      consoleLogger.info('b');
      consoleLogger.warn('c');
      consoleLogger.error('d');
      const { logger: _, ...config } = newTestConfig(1n, new MemoryStorage());
      expect(new RawNode(config).raft.logger).to.equal(consoleLogger);
    } finally {
      Object.assign(console, { warn, error });
    }
    expect(lines).to.deep.equal(['warn raft: c', 'error raft: d']);
  });
});

describe('MemoryStorage refuses what would end others', () => {
  const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

  function logOf(...changes: readonly number[]): MemoryStorage {
    const storage = new MemoryStorage();
    const change = marshalConfChange(addNode(2n));
    const entries = Array.from({ length: 5 }, (_, i): Entry => {
      const type = changes.includes(i + 1) ? change.type : undefined;
      return { type, term: 1, index: i + 1, data: type === undefined ? undefined : change.data };
    });
    storage.append(entries);
    return storage;
  }

  const refusals: readonly [string, (storage: MemoryStorage) => unknown, string, string | undefined][] = [
    ['to compact without a snapshot', (s) => s.compact(1), 'ERR_RAFT_NO_SNAPSHOT', undefined],
    [
      'to compact above the newest snapshot',
      (s) => {
        s.createSnapshot(2, confState, undefined);
        s.compact(3);
      },
      'ERR_RAFT_NO_SNAPSHOT',
      undefined,
    ],
    [
      'a snapshot without a membership where none is known',
      (s) => s.createSnapshot(2, undefined, undefined),
      'ERR_RAFT_SNAPSHOT_MEMBERSHIP',
      'unknown',
    ],
    [
      'a snapshot of no voters',
      (s) => s.createSnapshot(2, { ...confState, voters: [] }, undefined),
      'ERR_RAFT_SNAPSHOT_MEMBERSHIP',
      'no-voters',
    ],
    [
      'a snapshot with a membership that has changed since',
      (s) => {
        s.createSnapshot(2, confState, undefined);
        s.createSnapshot(4, undefined, undefined);
      },
      'ERR_RAFT_SNAPSHOT_MEMBERSHIP',
      'outdated',
    ],
  ];
  for (const [what, act, code, reason] of refusals) {
    it(what, () => {
      expect(() => act(logOf(3)))
        .to.throw(RaftError)
        .that.includes({ code, reason });
    });
  }

  it('and takes what is in order', () => {
    const storage = logOf(1);
    storage.createSnapshot(2, confState, undefined);
    storage.createSnapshot(4, undefined, undefined);
    storage.compact(4);
    expect(storage.snapshot().metadata.confState.voters).to.deep.equal([1n]);
    expect(storage.firstIndex()).to.equal(5);
  });
});
