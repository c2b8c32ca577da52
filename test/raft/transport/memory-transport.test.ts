import process from 'node:process';
import { messageName } from '@raft-ts/proto';
import { type Message, MessageType, type NodeId } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import type { Transport, TransportReceiver } from '@raft-ts/raft/transport';
import { expect } from 'chai';
import { message, snapshotOf } from '../../helpers/index.js';
import { turns } from '../../helpers/waiting.js';

/** A member that notes what its transport tells it. */
class Receiver implements TransportReceiver {
  readonly notes: string[] = [];
  /** What to do with a message after it was noted. */
  onMessage: (m: Message) => void | Promise<void> = () => {};

  process(m: Message): void | Promise<void> {
    this.notes.push(`${messageName(m.type)} ${m.index} from ${m.from}`);
    return this.onMessage(m);
  }
  isIdRemoved(): boolean {
    return false;
  }
  reportUnreachable(id: NodeId): void {
    this.notes.push(`${id} unreachable`);
  }
  reportSnapshot(id: NodeId, status: string): void {
    this.notes.push(`snapshot to ${id}: ${status}`);
  }
}

interface World {
  readonly network: MemoryNetwork;
  readonly receivers: readonly [Receiver, Receiver];
  readonly transports: readonly [Transport, Transport];
}

/** Members 1 and 2, who know each other. */
function world(): World {
  const network = new MemoryNetwork();
  const receivers = [new Receiver(), new Receiver()] as const;
  const transports = [network.connect(1n, receivers[0]), network.connect(2n, receivers[1])] as const;
  transports[0].addPeer(2n, []);
  transports[1].addPeer(1n, []);
  return { network, receivers, transports };
}

function heartbeat(to: NodeId, index = 0): Message {
  return message({ type: MessageType.MsgHeartbeat, from: 1n, to, index });
}

const snapshot: Message = message({
  type: MessageType.MsgSnap,
  from: 1n,
  to: 2n,
  snapshot: snapshotOf(5, 1, { voters: [1n, 2n] }),
});

const noteOf = (index: number): string => `MsgHeartbeat ${index} from 1`;

describe('a network in memory', () => {
  it('delivers in order, and not before the sender has finished', async () => {
    const { receivers, transports } = world();
    const all = Array.from({ length: 200 }, (_, i) => i + 1);
    transports[0].send(all.slice(0, 100).map((i) => heartbeat(2n, i)));
    for (const i of all.slice(100)) transports[0].send([heartbeat(2n, i)]);
    expect(receivers[1].notes).to.deep.equal([]);
    await turns();
    expect(receivers[1].notes).to.deep.equal(all.map(noteOf));
    expect(receivers[0].notes).to.deep.equal([]);
  });

  it('waits for a receiver that takes its time', async () => {
    const { receivers, transports } = world();
    const [, receiver] = receivers;
    let release: () => void = () => {};
    receiver.onMessage = () => new Promise((resolve) => (release = resolve));
    transports[0].send([heartbeat(2n, 1), heartbeat(2n, 2)]);
    await turns();
    expect(receiver.notes).to.deep.equal([noteOf(1)]);
    release();
    await turns();
    expect(receiver.notes).to.deep.equal([noteOf(1), noteOf(2)]);
  });

  it('does not wait for a proposal, which may itself wait for a leader', async () => {
    const { receivers, transports } = world();
    const [, receiver] = receivers;
    let refuse: (error: Error) => void = () => {};
    receiver.onMessage = () => {
      receiver.onMessage = () => {};
      return new Promise((_, reject) => (refuse = reject));
    };
    transports[0].send([message({ type: MessageType.MsgProp, from: 1n, to: 2n }), heartbeat(2n, 2)]);
    await turns();
    expect(receiver.notes).to.deep.equal(['MsgProp 0 from 1', noteOf(2)]);
    // Nobody hears of it, and the process does not end because nobody does.
    const unhandled: unknown[] = [];
    const note = (reason: unknown): number => unhandled.push(reason);
    process.on('unhandledRejection', note);
    refuse(new Error('no leader'));
    await turns();
    process.off('unhandledRejection', note);
    expect(unhandled).to.deep.equal([]);
    expect(receivers[0].notes).to.deep.equal([]);
  });

  it('lets timers and sockets run between deliveries that go on for ever', async () => {
    const { receivers, transports } = world();
    let rounds = 0;
    receivers[0].onMessage = () => transports[0].send([heartbeat(2n)]);
    receivers[1].onMessage = () => {
      // Without turns of the event loop nothing else could end this.
      if (++rounds === 100_000) return;
      transports[1].send([message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n })]);
    };
    transports[0].send([heartbeat(2n)]);
    await turns(3);
    await transports[0].stop();
    expect(rounds).to.be.within(1, 99_999);
    const played = rounds;
    await turns();
    expect(rounds - played).to.be.lessThan(2);
  });

  it('skips what is for nobody, for unknown members, and for those who were removed', async () => {
    const { receivers, transports } = world();
    transports[0].send([heartbeat(0n), heartbeat(3n)]);
    transports[0].updatePeer(2n, ['http://elsewhere']);
    transports[0].removePeer(2n);
    transports[0].send([heartbeat(2n)]);
    await turns();
    expect(receivers[0].notes).to.deep.equal([]);
    expect(receivers[1].notes).to.deep.equal([]);
  });

  it('lets a member that knows nobody answer who has written to it, and nobody else', async () => {
    const { network, receivers, transports } = world();
    const joining = new Receiver();
    const transport = network.connect(3n, joining);
    transports[0].addPeer(3n, []);
    transports[0].send([heartbeat(3n, 1)]);
    await turns();
    transport.send([1n, 2n].map((to) => message({ type: MessageType.MsgHeartbeatResp, from: 3n, to })));
    await turns();
    expect(joining.notes).to.deep.equal([noteOf(1)]);
    expect(receivers[0].notes).to.deep.equal(['MsgHeartbeatResp 0 from 3']);
    expect(receivers[1].notes).to.deep.equal([]);
    // Once it knows a peer, its peers are all it writes to from then on.
    transport.addPeer(2n, []);
    transports[1].addPeer(3n, []);
    transports[1].send([message({ type: MessageType.MsgHeartbeat, from: 2n, to: 3n, index: 2 })]);
    await turns();
    transport.removePeer(2n);
    transport.send([message({ type: MessageType.MsgHeartbeatResp, from: 3n, to: 2n })]);
    await turns();
    expect(receivers[1].notes).to.deep.equal([]);
  });

  it('reports what is lost where a link is cut, until it is mended', async () => {
    const { network, receivers, transports } = world();
    network.cut(1n, 2n);
    transports[0].send([heartbeat(2n, 1), snapshot]);
    transports[1].send([message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n })]);
    expect(receivers[0].notes, 'before the sender has finished').to.deep.equal([]);
    await turns();
    expect(receivers[0].notes).to.deep.equal(['2 unreachable', '2 unreachable', 'snapshot to 2: failure']);
    expect(receivers[1].notes).to.deep.equal(['1 unreachable']);

    network.mend(2n, 1n);
    transports[0].send([heartbeat(2n, 2)]);
    await turns();
    expect(receivers[1].notes.at(-1)).to.equal(noteOf(2));
  });

  it('loses what an inbox has no room for', async () => {
    const { receivers, transports } = world();
    const sent = Array.from({ length: 4097 }, (_, i) => heartbeat(2n, i));
    transports[0].send(sent);
    await turns();
    expect(receivers[1].notes).to.have.lengthOf(4096);
    expect(receivers[0].notes).to.deep.equal(['2 unreachable']);
  });

  it('reports once what became of a snapshot', async () => {
    const { receivers, transports } = world();
    transports[0].send([snapshot]);
    await turns();
    expect(receivers[0].notes).to.deep.equal(['snapshot to 2: finish']);

    receivers[1].onMessage = () => Promise.reject(new Error('refused'));
    transports[0].send([snapshot, heartbeat(2n, 1)]);
    await turns();
    expect(receivers[0].notes.slice(1)).to.deep.equal(['snapshot to 2: failure']);
    expect(receivers[1].notes.at(-1)).to.equal(noteOf(1));
  });

  it('is silent once a member has stopped', async () => {
    const { receivers, transports } = world();
    transports[0].send([snapshot, heartbeat(2n, 1)]);
    receivers[1].onMessage = () => transports[0].stop();
    await turns();
    expect(receivers[0].notes, 'the sender has stopped').to.deep.equal([]);

    transports[0].send([heartbeat(2n, 2)]);
    await turns();
    expect(receivers[1].notes.at(-1)).to.equal(noteOf(1));

    transports[1].send([message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n })]);
    await transports[1].stop();
    await transports[1].stop();
    await turns();
    expect(receivers[0].notes).to.deep.equal([]);
    expect(receivers[1].notes.filter((note) => note.includes('unreachable'))).to.deep.equal([]);
  });

  it('drops what a member that stops has not taken yet', async () => {
    const { receivers, transports } = world();
    transports[0].send([heartbeat(2n, 1)]);
    await transports[1].stop();
    await turns();
    expect(receivers[1].notes).to.deep.equal([]);
  });

  it('gives the place of a member to the transport that was connected last', async () => {
    const { network, receivers, transports } = world();
    const restarted = new Receiver();
    network.connect(2n, restarted);
    await transports[1].stop();
    transports[0].send([heartbeat(2n, 1)]);
    await turns();
    expect(restarted.notes).to.deep.equal([noteOf(1)]);
    expect(receivers[1].notes).to.deep.equal([]);
  });
});
