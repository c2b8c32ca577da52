import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, MessageType, type NodeId, newMessage } from '@raft-ts/proto';
import type { SnapshotStatus, Transport, TransportReceiver } from '@raft-ts/raft/transport';
import { expect } from 'chai';

/** A member's transport, running. */
export interface RunningTransport {
  readonly transport: Transport;
  /** Where other members reach it, for `addPeer`; whatever the transport takes. */
  readonly urls: readonly string[];
}

/** Makes transports that can reach each other, for one test. */
export interface TransportWorld {
  start(id: NodeId, receiver: TransportReceiver): Promise<RunningTransport>;
  /** An address at which nobody is, for `addPeer`. */
  readonly nowhere: readonly string[];
  /** Called after the test; the transports have been stopped by then. */
  close?(): Promise<void>;
}

/** A receiver that remembers what it is told. */
class Receiver implements TransportReceiver {
  readonly processed: Message[] = [];
  readonly unreachable: NodeId[] = [];
  readonly snapshots: [NodeId, SnapshotStatus][] = [];
  /** Members that a ping came from. */
  readonly pinged = new Set<NodeId>();
  onProcess: (message: Message) => void | Promise<void> = () => undefined;

  process(message: Message): void | Promise<void> {
    if (isPing(message)) {
      this.pinged.add(message.from);
      return;
    }
    this.processed.push(message);
    return this.onProcess(message);
  }

  isIdRemoved(): boolean {
    return false;
  }

  reportUnreachable(id: NodeId): void {
    this.unreachable.push(id);
  }

  reportSnapshot(id: NodeId, status: SnapshotStatus): void {
    this.snapshots.push([id, status]);
  }
}

interface Member extends RunningTransport {
  readonly id: NodeId;
  readonly receiver: Receiver;
}

/** Declares the tests that every `Transport` must pass, with mocha. */
export function transportContract(name: string, createWorld: () => TransportWorld): void {
  describe(`${name}, by the contract of a transport`, () => {
    let world: TransportWorld;
    const members: Member[] = [];

    beforeEach(() => {
      world = createWorld();
    });

    afterEach(async () => {
      await Promise.all(members.splice(0).map(({ transport }) => transport.stop()));
      await world.close?.();
    });

    const start = async (id: NodeId): Promise<Member> => {
      const receiver = new Receiver();
      const member = { id, receiver, ...(await world.start(id, receiver)) };
      members.push(member);
      return member;
    };

    /** Members 1 to n that know and reach each other. */
    const startAll = async (n: number): Promise<Member[]> => {
      const all: Member[] = [];
      for (let id = 1n; id <= BigInt(n); id++) all.push(await start(id));
      for (const one of all) {
        for (const other of all) if (other.id !== one.id) one.transport.addPeer(other.id, other.urls);
      }
      for (const one of all) for (const other of all) if (other.id !== one.id) await reach(one, other);
      return all;
    };

    deliveryTests(startAll);
    lossTests({ start, startAll, nowhere: () => world.nowhere });
    lifetimeTests(startAll);
  });
}

/** No test sends this kind: what arrives late of the many pings is told from what a test sends. */
const PING = MessageType.MsgHeartbeatResp;

function isPing({ type }: Message): boolean {
  return type === PING;
}

/** Resolves when a message passes: until then a transport may still be connecting, and lose them. */
async function reach(from: Member, to: Member): Promise<void> {
  await until(`${from.id} reaches ${to.id}`, () => {
    if (to.receiver.pinged.has(from.id)) return true;
    from.transport.send([message(PING, from.id, to.id)]);
    return false;
  });
  from.receiver.unreachable.length = 0;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`);
    await sleep(10);
  }
}

function message(type: MessageType, from: NodeId, to: NodeId, fields: Partial<Message> = {}): Message {
  return { ...newMessage(type, to), from, term: 1, ...fields };
}

function append(from: NodeId, to: NodeId, index: number): Message {
  const data = new TextEncoder().encode(`entry ${index + 1}`);
  const entries = [{ type: undefined, term: 1, index: index + 1, data }];
  return message(MessageType.MsgApp, from, to, { logTerm: 1, index, entries, commit: index });
}

function snapshot(from: NodeId, to: NodeId): Message {
  const confState = { voters: [1n, 2n, 3n], learners: [4n], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const data = new TextEncoder().encode('the state');
  return message(MessageType.MsgSnap, from, to, { snapshot: { data, metadata: { confState, index: 7, term: 1 } } });
}

/** A message as text, for comparison: absent and empty bytes are one, as on a wire. */
function show(one: Message): string {
  return JSON.stringify(one, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

function deliveryTests(startAll: (n: number) => Promise<Member[]>): void {
  it('carries messages whole, to whom they are for and to nobody else', async () => {
    const [a, b, c] = (await startAll(3)) as [Member, Member, Member];
    const context = Uint8Array.of(1, 2, 3);
    const toB = [
      append(1n, 2n, 5),
      message(MessageType.MsgAppResp, 1n, 2n, { index: 3, reject: true, rejectHint: 2, logTerm: 1 }),
      message(MessageType.MsgVote, 1n, 2n, { term: 4, index: 9, logTerm: 2, context }),
      message(MessageType.MsgHeartbeat, 1n, 2n, { commit: 2, context }),
      message(MessageType.MsgTimeoutNow, 1n, 2n),
      snapshot(1n, 2n),
    ];
    const toC = [append(1n, 3n, 8), message(MessageType.MsgPreVote, 1n, 3n, { term: 9 })];
    a.transport.send([...toB, ...toC]);
    await until(
      'all arrive',
      () => b.receiver.processed.length >= toB.length && c.receiver.processed.length >= toC.length,
    );
    expect(b.receiver.processed.map(show)).to.have.members(toB.map(show));
    expect(c.receiver.processed.map(show)).to.have.members(toC.map(show));
    expect(a.receiver.processed).to.deep.equal([]);
  });

  it('works in both directions at the same time', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    a.transport.send([append(1n, 2n, 1)]);
    b.transport.send([message(MessageType.MsgAppResp, 2n, 1n, { index: 2 })]);
    await until('both arrive', () => a.receiver.processed.length === 1 && b.receiver.processed.length === 1);
  });

  it('hands over in a later turn, never while send runs', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    a.transport.send([append(1n, 2n, 1)]);
    expect(b.receiver.processed).to.deep.equal([]);
    await until('it arrives', () => b.receiver.processed.length === 1);
  });

  it('takes many messages at once; none is repeated or changed', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    const { processed } = b.receiver;
    const { unreachable } = a.receiver;
    const ROUND = 1000;
    // One that is still connecting may have no room for so many. It says so, and then they are not all waited for.
    for (let round = 0, whole = false; !whole; round++) {
      unreachable.length = 0;
      const sent = Array.from({ length: ROUND }, (_, i) => Object.freeze(append(1n, 2n, round * ROUND + i)));
      a.transport.send(Object.freeze(sent));
      const arrived = (): number => processed.filter(({ index }) => Math.floor(index / ROUND) === round).length;
      await until('all arrive, or a loss is told', () => arrived() >= ROUND || unreachable.length > 0);
      whole = arrived() >= ROUND;
    }
    expect(new Set(processed.map(({ index }) => index)).size).to.equal(processed.length);
    expect(processed.map(show)).to.deep.equal(processed.map(({ index }) => show(append(1n, 2n, index))));
  });

  it('a receiver that throws or rejects gets the next messages too', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    let calls = 0;
    b.receiver.onProcess = () => {
      calls++;
      if (calls % 3 === 0) throw new Error('thrown');
      return calls % 3 === 1 ? Promise.reject(new Error('rejected')) : undefined;
    };
    a.transport.send(Array.from({ length: 30 }, (_, i) => append(1n, 2n, i)));
    await until('all arrive', () => b.receiver.processed.length === 30);
  });

  it('a proposal that waits does not hold up the rest', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    b.receiver.onProcess = ({ type }) =>
      type === MessageType.MsgProp ? new Promise<void>(() => undefined) : undefined;
    const data = Uint8Array.of(1);
    const proposal = message(MessageType.MsgProp, 1n, 2n, { entries: [{ type: undefined, term: 0, index: 0, data }] });
    a.transport.send([proposal, proposal, append(1n, 2n, 1)]);
    await until('all arrive', () => b.receiver.processed.length === 3);
  });

  it('skips messages to nobody and to strangers', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    a.transport.send([message(MessageType.MsgApp, 1n, 0n), append(1n, 9n, 1), append(1n, 2n, 1)]);
    await until('the good one arrives', () => b.receiver.processed.length === 1);
    expect(a.receiver.unreachable).to.deep.equal([]);
  });
}

interface LossWorld {
  start(id: NodeId): Promise<Member>;
  startAll(n: number): Promise<Member[]>;
  nowhere(): readonly string[];
}

function lossTests({ start, startAll, nowhere }: LossWorld): void {
  it('reports a member that is not there', async () => {
    const a = await start(1n);
    a.transport.addPeer(2n, nowhere());
    a.transport.send([append(1n, 2n, 1)]);
    await until('it is reported', () => a.receiver.unreachable.includes(2n));
    expect(new Set(a.receiver.unreachable)).to.deep.equal(new Set([2n]));
  });

  it('a snapshot that arrives is reported once, after it was processed', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    let done: (() => void) | undefined;
    b.receiver.onProcess = () =>
      new Promise<void>((resolve) => {
        done = resolve;
      });
    a.transport.send([snapshot(1n, 2n)]);
    await until('it arrives', () => done !== undefined);
    await sleep(50);
    expect(a.receiver.snapshots).to.deep.equal([]);
    done?.();
    await until('it is reported', () => a.receiver.snapshots.length > 0);
    await sleep(50);
    expect(a.receiver.snapshots).to.deep.equal([[2n, 'finish']]);
  });

  it('a snapshot that is not taken is reported once, as failed', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    b.receiver.onProcess = () => Promise.reject(new Error('no'));
    a.transport.send([snapshot(1n, 2n)]);
    await until('it is reported', () => a.receiver.snapshots.length > 0);
    await sleep(50);
    expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
  });

  it('snapshots to a member that is not there are each reported once, as failed', async () => {
    const a = await start(1n);
    a.transport.addPeer(2n, nowhere());
    a.transport.send([snapshot(1n, 2n), snapshot(1n, 2n), snapshot(1n, 2n)]);
    await until('all are reported', () => a.receiver.snapshots.length >= 3);
    await sleep(50);
    expect(a.receiver.snapshots).to.deep.equal(Array.from({ length: 3 }, () => [2n, 'failure']));
  });

  it('one member that is not there does not hold up another', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    a.transport.addPeer(3n, nowhere());
    a.transport.send([append(1n, 3n, 1), append(1n, 2n, 1), snapshot(1n, 3n), append(1n, 2n, 2)]);
    await until('the other gets its own', () => b.receiver.processed.length === 2);
  });
}

function lifetimeTests(startAll: (n: number) => Promise<Member[]>): void {
  it('peers that are known already, and unknown ones, may be named again', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    a.transport.addPeer(2n, b.urls);
    a.transport.updatePeer(9n, b.urls);
    a.transport.removePeer(9n);
    a.transport.updatePeer(2n, b.urls);
    a.transport.send([append(1n, 2n, 1)]);
    await until('it arrives, once', () => b.receiver.processed.length > 0);
    await sleep(50);
    expect(b.receiver.processed).to.have.length(1);
  });

  it('nothing is sent to a peer that was removed, and the others go on', async () => {
    const [a, b, c] = (await startAll(3)) as [Member, Member, Member];
    a.transport.removePeer(2n);
    a.transport.removePeer(2n);
    a.transport.send([append(1n, 2n, 1), append(1n, 3n, 1)]);
    await until('the other gets its own', () => c.receiver.processed.length === 1);
    await sleep(50);
    expect(b.receiver.processed).to.deep.equal([]);
    a.transport.addPeer(2n, b.urls);
    await reach(a, b);
  });

  it('after stop nothing is delivered, and every call is still allowed', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    await Promise.all([a.transport.stop(), a.transport.stop()]);
    await a.transport.stop();
    a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
    a.transport.addPeer(3n, b.urls);
    a.transport.updatePeer(2n, b.urls);
    a.transport.removePeer(2n);
    b.transport.send([append(2n, 1n, 1)]);
    await sleep(100);
    expect(a.receiver.processed).to.deep.equal([]);
    expect(b.receiver.processed).to.deep.equal([]);
  });

  it('a member that stops is reported by those who write to it', async () => {
    const [a, b] = (await startAll(2)) as [Member, Member];
    await b.transport.stop();
    await until('it is reported', () => {
      a.transport.send([append(1n, 2n, 1)]);
      return a.receiver.unreachable.includes(2n);
    });
  });
}
