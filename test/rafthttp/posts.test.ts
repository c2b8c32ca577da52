import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { MAX_ANSWER_BYTES, PIPELINE_QUEUE_LENGTH, PIPELINE_WORKERS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  CLUSTER,
  type Member,
  message,
  newTransport,
  Recorder,
  soon,
  startCluster,
  startServer,
  stopAll,
} from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();
const POST_MS = 1000;
const SNAPSHOT_MS = 5000;

interface Post {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly server: number;
  closed: boolean;
}

describe('posts to one member', () => {
  let receiver: Recorder;
  let transport: ReturnType<typeof newTransport>;
  let posts: Post[];
  let sockets: Set<Socket>;

  beforeEach(() => {
    timers.install();
    receiver = new Recorder();
    posts = [];
    sockets = new Set();
  });
  afterEach(async () => {
    await stopAll();
    timers.uninstall();
  });

  /** A member at so many URLs, which answers when it is told to. */
  const setUp = async (urls = 1): Promise<void> => {
    const servers = await Promise.all(
      Array.from({ length: urls }, (_, server) =>
        startServer((req, res) => {
          const post: Post = { req, res, server, closed: false };
          res.on('close', () => {
            post.closed = !res.writableFinished;
          });
          sockets.add(req.socket);
          req.resume().on('end', () => posts.push(post));
        }),
      ),
    );
    transport = newTransport(1n, receiver, { timings: { postTimeoutMs: POST_MS, snapshotTimeoutMs: SNAPSHOT_MS } });
    transport.addRemote(
      2n,
      servers.map(({ url }) => url),
    );
  };
  const beat = (): Message => message(MessageType.MsgHeartbeat, 1n, 2n, { term: 1 });
  const snapshot = (): Message => message(MessageType.MsgSnap, 1n, 2n, { term: 1 });
  const send = (count: number, one = beat): void => transport.send(Array.from({ length: count }, one));
  const came = (count: number): Promise<boolean> => soon(() => posts.length === count);
  const answer = (post: Post | undefined, status = 204, text = ''): void => void post?.res.writeHead(status).end(text);
  const warnings = (): string[] => receiver.log.filter((line) => line.startsWith('warn'));

  it('go out a few at a time, each place again and again', async () => {
    await setUp();
    for (let round = 1; round <= 2; round++) {
      posts.length = 0;
      send(10);
      expect(await came(PIPELINE_WORKERS)).to.equal(true);
      await sleep(20);
      expect(posts).to.have.length(PIPELINE_WORKERS);
      for (let i = 0; i < 10; i++) {
        expect(await soon(() => posts.length > i)).to.equal(true);
        answer(posts[i]);
      }
      expect(await soon(() => timers.pending === 0)).to.equal(true);
    }
    expect(receiver.unreachable).to.deep.equal([]);
  });

  it('use their connection again', async () => {
    await setUp();
    for (let i = 1; i <= 5; i++) {
      send(1);
      expect(await came(i)).to.equal(true);
      answer(posts[i - 1]);
      expect(await soon(() => timers.pending === 0)).to.equal(true);
    }
    expect(sockets.size).to.equal(1);
    await transport.stop();
    expect(await soon(() => [...sockets].every(({ destroyed }) => destroyed))).to.equal(true);
  });

  it('have their time, a snapshot more, and are reported when it is over', async () => {
    await setUp();
    send(1);
    expect(await came(1)).to.equal(true);
    send(1, snapshot);
    expect(await came(2)).to.equal(true);
    timers.advance(POST_MS - 1);
    await sleep(10);
    expect(receiver.unreachable).to.deep.equal([]);
    timers.advance(1);
    expect(await soon(() => posts[0]?.closed === true)).to.equal(true);
    expect(await soon(() => receiver.unreachable.length === 1)).to.equal(true);
    timers.advance(SNAPSHOT_MS - POST_MS - 1);
    await sleep(10);
    expect(receiver.snapshots).to.deep.equal([]);
    timers.advance(1);
    expect(await soon(() => receiver.snapshots.length === 1)).to.equal(true);
    expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    expect(receiver.unreachable).to.deep.equal([2n, 2n]);
  });

  it('that are refused are reported, a snapshot with its outcome, and the next goes to the next URL', async () => {
    await setUp(2);
    for (const [i, [status, ending]] of (
      [
        [500, 'failure'],
        [200, 'failure'],
        [204, 'finish'],
      ] as const
    ).entries()) {
      send(1, snapshot);
      expect(await came(i + 1)).to.equal(true);
      answer(posts[i], status, status === 204 ? '' : 'no');
      expect(await soon(() => receiver.snapshots.length === i + 1)).to.equal(true);
      expect(receiver.snapshots.at(-1)).to.deep.equal([2n, ending]);
    }
    expect(receiver.unreachable).to.deep.equal([2n, 2n]);
    const [first, second, third] = posts.map(({ server }) => server);
    expect([second, third]).to.deep.equal([first === 0 ? 1 : 0, first]);
  });

  it('that find the queue full are reported, and the log says it once', async () => {
    await setUp();
    send(PIPELINE_WORKERS);
    expect(await came(PIPELINE_WORKERS)).to.equal(true);
    send(PIPELINE_QUEUE_LENGTH);
    expect(receiver.unreachable).to.deep.equal([]);
    send(2);
    send(1, snapshot);
    expect(receiver.unreachable).to.deep.equal([2n, 2n, 2n]);
    expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    expect(warnings().filter((line) => line.includes('sending buffer is full'))).to.have.length(1);
  });

  it('are broken off by stop, which waits for that, and snapshots among them are reported', async () => {
    await setUp();
    send(PIPELINE_WORKERS + 3, snapshot);
    expect(await came(PIPELINE_WORKERS)).to.equal(true);
    const { remotes } = Reflect.get(transport, 'members') as { remotes: Map<bigint, { send(one: Message): void }> };
    const remote = remotes.get(2n);
    let reported = -1;
    const stop = async (): Promise<void> => {
      await transport.stop();
      reported = receiver.snapshots.length;
    };
    void stop();
    expect(await soon(() => reported >= 0)).to.equal(true);
    expect(timers.pending).to.equal(0);
    expect(reported).to.equal(PIPELINE_WORKERS + 3);
    expect(receiver.snapshots).to.deep.equal(Array.from({ length: PIPELINE_WORKERS + 3 }, () => [2n, 'failure']));
    expect(receiver.unreachable).to.deep.equal([]);
    expect(await soon(() => posts.every(({ closed }) => closed))).to.equal(true);
    remote?.send(beat());
    expect(receiver.unreachable).to.deep.equal([2n]);
    await sleep(20);
    expect(posts).to.have.length(PIPELINE_WORKERS);
  });

  it('are not delivered if another process answers', async () => {
    await setUp();
    const [remote] = (
      Reflect.get(transport, 'members') as { remotes: Map<bigint, { picker: { all: string[] } }> }
    ).remotes.values();
    await transport.stop();
    transport = newTransport(1n, receiver, { timings: { dialRetryMs: 1e6 } });
    transport.addPeer(2n, remote?.picker.all ?? []);
    const own = (): Post[] => posts.filter(({ req }) => req.url === '/raft');
    const headers = (incarnation: string) => ({
      'X-Etcd-Cluster-Id': CLUSTER.toString(16),
      'X-Raft-Incarnation': incarnation,
    });
    for (const [i, [incarnation, ending]] of (
      [
        ['first', 'finish'],
        ['first', 'finish'],
        ['second', 'failure'],
      ] as const
    ).entries()) {
      send(1, snapshot);
      expect(await soon(() => own().length === i + 1)).to.equal(true);
      own()[i]?.res.writeHead(204, headers(incarnation)).end();
      expect(await soon(() => receiver.snapshots.length === i + 1)).to.equal(true);
      expect(receiver.snapshots[i]).to.deep.equal([2n, ending]);
    }
  });

  it('carry snapshots even while streams are open, which carry everything else', async () => {
    timers.uninstall();
    const [one, two] = (await startCluster(2)) as [Member, Member];
    const { peers } = Reflect.get(one.transport, 'members') as { peers: ReadonlyMap<NodeId, object> };
    const pipeline = Reflect.get(peers.get(2n) as object, 'pipeline') as { offer(message: Message): boolean };
    const offer = pipeline.offer.bind(pipeline);
    const posted: MessageType[] = [];
    pipeline.offer = (offered) => {
      posted.push(offered.type);
      return offer(offered);
    };
    one.transport.send([beat(), snapshot()]);
    expect(await soon(() => two.receiver.processed.length === 2)).to.equal(true);
    expect(two.receiver.types()).to.have.members([MessageType.MsgHeartbeat, MessageType.MsgSnap]);
    expect(posted).to.deep.equal([MessageType.MsgSnap]);
    expect(await soon(() => one.receiver.snapshots.length === 1)).to.equal(true);
    expect(one.receiver.snapshots).to.deep.equal([[2n, 'finish']]);
  });

  it('are not held up by an answer that never ends', async () => {
    await setUp();
    send(1);
    expect(await came(1)).to.equal(true);
    const [post] = posts as [Post];
    post.res.writeHead(500);
    post.res.write('x'.repeat(10 * MAX_ANSWER_BYTES));
    expect(await soon(() => receiver.unreachable.length === 1)).to.equal(true);
    expect(await soon(() => post.closed)).to.equal(true);
    expect(Math.max(...receiver.log.map(({ length }) => length))).to.be.below(2 * MAX_ANSWER_BYTES);
  });
});
