import {
  type ConfState,
  type Entry,
  EntryType,
  emptyConfState,
  emptySnapshot,
  MemoryStorage,
  MessageType,
  newMessage,
  type Ready,
} from '@raft-ts/raft';
import { handleReadys } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { turn } from '../helpers/waiting.js';

function entry(index: number, type: EntryType = EntryType.EntryNormal): Entry {
  return { type, term: 1, index, data: Uint8Array.of(index) };
}

/** A Ready with one entry to save, one message to send and one entry to apply, unless it is told otherwise. */
function readyOf(parts: Partial<Ready> = {}): Ready {
  return {
    softState: undefined,
    hardState: { term: 1, vote: 1n, commit: 1 },
    readStates: [],
    entries: [entry(2)],
    snapshot: undefined,
    committedEntries: [entry(1)],
    messages: [newMessage(MessageType.MsgAppResp, 2n)],
    mustSync: true,
    ...parts,
  };
}

/** Drives the loop over these Readys and notes each call to the outside, in order. A save ends when it is let go. */
function drive(readys: readonly Ready[], { snapshotEvery = 1000 } = {}) {
  const calls: string[] = [];
  const saves: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const ending = new AbortController();
  const node = {
    async *ready() {
      yield* readys;
    },
    advance: () => void calls.push('advance'),
    applyConfChangeEntry: (): ConfState => {
      calls.push('applyConfChangeEntry');
      return { ...emptyConfState(), voters: [1n] };
    },
  };
  const storage = {
    raft: new MemoryStorage(),
    save: () => {
      calls.push('save');
      return new Promise<void>((resolve, reject) => saves.push({ resolve, reject }));
    },
    snapshot: (index: number, confState: ConfState, compact: number) => {
      calls.push(`snapshot ${index}, compact ${compact}, voters ${confState.voters.join(' ')}`);
      return Promise.resolve();
    },
  };
  const transport = { send: (messages: readonly unknown[]) => void calls.push(`send ${messages.length}`) };
  const log = { info: (line: string) => void calls.push(line) };
  const ended = handleReadys(node, storage, transport, {
    snapshotEvery,
    ending: ending.signal,
    log: log as unknown as Parameters<typeof handleReadys>[3]['log'],
    onMembers: ({ voters }) => void calls.push(`members ${voters.join(' ')}`),
  });
  return { calls, saves, ending, ended };
}

const applied = (index: number): string => `committed index=${index} term=1 kind=normal text="\\x0${index}"`;

describe('raftexample: the loop over what raft hands out', () => {
  it('saves, and only then sends, applies and advances, in this order, Ready by Ready', async () => {
    const { calls, saves, ended } = drive([readyOf(), readyOf({ committedEntries: [entry(2)] })]);
    await turn();
    expect(calls, 'nothing leaves before it is saved').to.deep.equal(['save']);
    saves[0]?.resolve();
    await turn();
    expect(calls).to.deep.equal(['save', 'send 1', applied(1), 'advance', 'save']);
    saves[1]?.resolve();
    await ended;
    expect(calls.slice(5)).to.deep.equal(['send 1', applied(2), 'advance']);
  });

  it('neither sends nor applies what could not be saved', async () => {
    const { calls, saves, ended } = drive([readyOf(), readyOf()]);
    await turn();
    saves[0]?.reject(new Error('the disk is full'));
    const error = await ended.catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('the disk is full');
    expect(calls).to.deep.equal(['save']);
  });

  it('sends nothing any more if it was stopped while it saved', async () => {
    const { calls, saves, ending, ended } = drive([readyOf()]);
    await turn();
    ending.abort();
    saves[0]?.resolve();
    await ended;
    expect(calls).to.deep.equal(['save']);
  });

  it('tells the node of a membership change before it advances', async () => {
    const change = { ...entry(1, EntryType.EntryConfChange), data: Uint8Array.of(0x18, 4) };
    const { calls, saves, ended } = drive([readyOf({ committedEntries: [change, entry(2)] })]);
    await turn();
    saves[0]?.resolve();
    await ended;
    expect(calls.filter((call) => !call.startsWith('committed index=1 '))).to.deep.equal([
      'save',
      'send 1',
      'applyConfChangeEntry',
      applied(2),
      'advance',
      'members 1',
    ]);
  });

  it('takes a snapshot of what is applied, not of what is saved, and counts on from one that it received', async () => {
    const metadata = { index: 7, term: 1, confState: { ...emptyConfState(), voters: [5n] } };
    const snapshot = { ...emptySnapshot(), metadata };
    const received = readyOf({ snapshot, committedEntries: [] });
    const later = [8, 9, 10, 11, 12, 13].map((index) =>
      readyOf({ entries: [entry(index + 2)], committedEntries: [entry(index)] }),
    );
    const { calls, saves, ended } = drive([received, ...later], { snapshotEvery: 3 });
    for (let i = 0; i < 7; i++) {
      await turn();
      saves[i]?.resolve();
    }
    await ended;
    const loop = (index: number, text: string) => [
      'save',
      'send 1',
      `committed index=${index} term=1 kind=normal text="${text}"`,
      'advance',
    ];
    expect(calls).to.deep.equal([
      ...['save', 'send 1', 'snapshot index=7 term=1', 'advance', 'members 5'],
      ...loop(8, '\\b'),
      ...loop(9, '\\t'),
      ...loop(10, '\\n'),
      'snapshot 10, compact 9, voters 5',
      ...loop(11, '\\v'),
      ...loop(12, '\\f'),
      ...loop(13, '\\r'),
      'snapshot 13, compact 12, voters 5',
    ]);
  });

  it('lets ticks and peers in between while it applies many entries, and applies no more once it is stopped', async () => {
    const many = Array.from({ length: 65_536 }, (_, i) => ({ ...entry(i + 1), data: undefined }));
    const { calls, saves, ending, ended } = drive([readyOf({ committedEntries: many })]);
    const lines = (): number => calls.filter((call) => call.startsWith('committed ')).length;
    await turn();
    saves[0]?.resolve();
    const seen: number[] = [];
    for (let turns = 0; turns < 1_000 && lines() < 10_000; turns++) {
      await turn();
      seen.push(lines());
    }
    expect(lines(), 'lines after a thousand turns').to.be.at.least(10_000);
    const most = Math.max(...seen.map((count, i) => count - (seen[i - 1] ?? 0)));
    expect(most, 'lines of one turn').to.be.within(1, 1024);
    ending.abort();
    const applying = lines();
    await ended;
    expect(lines(), 'after it was stopped').to.equal(applying);
    expect(calls).not.to.include('advance');
  });
});
