import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { MessageType } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import {
  append,
  eventually,
  type Member,
  message,
  openStreams,
  requestHead,
  scratchFolder,
  soon,
  startCluster,
  startMember,
  stopAll,
  stopLater,
} from './members.js';

const PLACES = 40;
/** Of the healthy pair: its streams, and a POST that is kept open. */
const HEALTHY = 4;

const openings = {
  'say nothing': '',
  'send a head byte by byte': 'POST /raft HTTP/1.1\r\nHost: x\r\nX-Slow: ',
  'send a body byte by byte': requestHead('POST', '/raft', 2n, { 'Content-Length': '1000000' }),
  'open a stream under another id': requestHead('GET', '/raft/stream/message/9', 9n, { 'X-Raft-To': '1' }),
  'ask for a snapshot to be taken and send nothing of it': requestHead('POST', '/raft/snapshot', 2n, {
    'Content-Length': '1000000',
  }),
};

/** Connections that are hardly used. */
class SlowConnections {
  readonly sockets: Socket[] = [];
  private readonly dripping: Socket[] = [];
  closed = 0;

  constructor() {
    stopLater({
      stop: async () => {
        for (const socket of this.sockets) socket.destroy();
      },
    });
  }

  async open(port: number, opening: string): Promise<void> {
    const socket = createConnection(port, '127.0.0.1');
    socket.resume();
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed++;
    });
    this.sockets.push(socket);
    await once(socket, 'connect');
    if (opening !== '') socket.write(opening);
    if (opening.startsWith('POST')) this.dripping.push(socket);
  }

  /** Each of those that send something says a little more. */
  drip(): void {
    for (const socket of this.dripping) if (!socket.destroyed) socket.write('x');
  }

  get standing(): number {
    return this.sockets.length - this.closed;
  }
}

/** Appends to the peer and waits for each answer, so many times. */
async function exchange(a: Member, b: Member, count: number): Promise<void> {
  b.receiver.onProcess = ({ index }) => b.transport.send([message(MessageType.MsgAppResp, 2n, 1n, { index })]);
  for (let i = 0; i < count; i++) {
    const answered = new Promise<void>((resolve) => {
      a.receiver.onProcess = ({ index }) => {
        if (index === i) resolve();
      };
    });
    a.transport.send([append(1n, 2n, i)]);
    await answered;
  }
}

describe('slow connections', () => {
  afterEach(stopAll);

  for (const [what, opening] of Object.entries(openings)) {
    it(`that ${what} take the places from each other: the healthy go on, and a new peer is let in`, async () => {
      const snapshots = new SnapshotFolder(scratchFolder());
      const [a, b] = (await startCluster(2, { snapshots, maxConnections: PLACES })) as [Member, Member];
      const slow = new SlowConnections();
      for (let i = 0; i < 3 * PLACES; i++) await slow.open(a.listener.address.port, opening);
      const isBounded = await soon(() => {
        slow.drip();
        return slow.standing <= PLACES;
      });
      expect(isBounded, `${slow.standing} stand`).to.equal(true);
      expect(slow.standing).to.be.at.least(PLACES - HEALTHY);
      await exchange(a, b, 50);
      expect(a.receiver.log.filter((line) => line.includes('became inactive'))).to.deep.equal([]);
      expect(a.receiver.processed.every(({ type }) => type === MessageType.MsgAppResp)).to.equal(true);

      const c = await startMember(3n);
      c.transport.addPeer(1n, [a.listener.url]);
      a.transport.addPeer(3n, [c.listener.url]);
      await eventually('the new peer has opened its streams', () => openStreams(a) === 4);
      a.transport.send([append(1n, 3n, 7)]);
      await eventually('what is sent to the new peer arrives', () => c.receiver.processed.length === 1);
      expect(a.transport.activePeers()).to.equal(2);
    });
  }

  it('that are fewer than the places stay, and hold nobody up', async () => {
    const snapshots = new SnapshotFolder(scratchFolder());
    const [a, b] = (await startCluster(2, { snapshots, maxConnections: 10 * PLACES })) as [Member, Member];
    const slow = new SlowConnections();
    const kinds = Object.values(openings).slice(0, 3);
    for (let i = 0; i < PLACES; i++) await slow.open(a.listener.address.port, kinds[i % kinds.length] as string);
    await exchange(a, b, 50);
    slow.drip();
    await exchange(a, b, 50);
    expect(slow.standing).to.equal(PLACES);
  });
});
