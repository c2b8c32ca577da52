import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { MemoryStorage, type Message, MessageType, newMessage, RawNode } from '@raft-ts/raft';
import {
  type Channel,
  ClusterPage,
  Network,
  PageClient,
  type PageHost,
  PageServer,
  Steering,
  Telling,
  type TellingParts,
  type Told,
} from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { freePeers, portOf } from './processes.js';

/** Sends back what it gets. */
async function echo(): Promise<Server> {
  const server = createServer((socket) => void socket.pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

describe('the network of the page', () => {
  let servers: Server[];
  let network: Network;
  const sockets: Socket[] = [];

  before(async () => {
    servers = await Promise.all([echo(), echo(), echo()]);
    const address = (id: number) => ({ host: '127.0.0.1', port: portOf(servers[id - 1] as Server) });
    network = await Network.open([1, 2, 3], address);
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    await network.close();
    for (const server of servers) server.close();
  });

  const dial = (from: number, to: number): Socket => {
    const socket = connect(network.dials(from).get(to) ?? 0, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    return socket;
  };

  it('carries what is open, both ways', async () => {
    const socket = dial(1, 2);
    socket.write('hello');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).to.equal('hello');
  });

  it('swallows one direction, whoever dialled, and leaves the other', () => {
    network.set(1, 2, false);
    expect([network.isOpen(1, 2), network.isOpen(2, 1)]).to.deep.equal([false, true]);
    network.set(1, 2, true);
    expect(network.isOpen(1, 2)).to.equal(true);
  });

  it('swallows what goes there on the connections of the one, and back on those of the other', async () => {
    const [own, theirs, third] = [dial(1, 2), dial(2, 1), dial(3, 1)];
    network.set(1, 2, false);
    for (const socket of [own, theirs, third]) socket.write('x');
    await once(third, 'data');
    // The third one has gone both ways meanwhile; what the others wrote is lost on the one half or the other.
    expect([own.bytesRead, theirs.bytesRead]).to.deep.equal([0, 0]);
    network.heal();
    const again = dial(1, 2);
    again.write('y');
    await once(again, 'data');
  });

  it('splits, and heals', () => {
    network.split([1, 2]);
    expect([network.isOpen(1, 2), network.isOpen(1, 3), network.isOpen(3, 2)]).to.deep.equal([true, false, false]);
    network.heal();
    expect([network.isOpen(1, 3), network.isOpen(3, 2)]).to.deep.equal([true, true]);
  });
});

describe('the server of the page', () => {
  const asked: unknown[] = [];
  const watched: boolean[] = [];
  const host: PageHost = {
    state: () => ({ kind: 'state', n: asked.length }),
    act: (what) => {
      if (what['kind'] === 'wrong') throw new Error('that is wrong');
      asked.push(what);
      return { told: 'done' };
    },
    watched: (isWatched) => watched.push(isWatched),
  };
  let server: PageServer;
  let token: string;

  before(async () => {
    server = await PageServer.listen(host, '<p>the page</p>');
    token = new URL(server.url).searchParams.get('token') ?? '';
  });

  after(() => server.close());

  /** A request, with headers that a browser would not let a page choose. */
  const ask = async (
    path: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ status: number; text: string }> => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
    return { status: response.statusCode ?? 0, text };
  };
  const act = (headers: Record<string, string> = {}, shown = token): Promise<{ status: number; text: string }> =>
    ask(`/act?token=${shown}`, { method: 'POST', headers, body: '{"kind":"kill","who":1}' });

  it('gives the page to whoever has its address', async () => {
    expect(await ask(`/?token=${token}`)).to.deep.equal({ status: 200, text: '<p>the page</p>' });
    expect(server.url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{24}$/);
  });

  it('refuses everything without the token', async () => {
    for (const path of ['/', '/events', '/?token=', `/?token=${token}x`, `/?token=${'x'.repeat(24)}`]) {
      expect((await ask(path)).status, path).to.equal(403);
    }
    expect((await act({}, 'no')).status).to.equal(403);
    expect(asked).to.deep.equal([]);
  });

  it('refuses other hosts, other origins, and requests that another site makes', async () => {
    expect((await act({ host: 'evil.example' })).status).to.equal(421);
    expect((await act({ host: `evil.example:${server.port}` })).status).to.equal(421);
    expect((await act({ origin: 'http://evil.example' })).status).to.equal(403);
    expect((await act({ origin: 'null' })).status).to.equal(403);
    expect((await act({ 'sec-fetch-site': 'cross-site' })).status).to.equal(403);
    expect(asked).to.deep.equal([]);
  });

  it('lives on when it is asked for what is no address, with the token or without it', async () => {
    const token = new URL(server.url).searchParams.get('token');
    for (const target of ['//', `//?token=${token}`, 'http://[', 'http://:99999/']) {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString(), target).to.match(/^HTTP\/1\.1 400 /u);
      socket.destroy();
    }
  });

  it('does what its own page asks', async () => {
    const origin = `http://127.0.0.1:${server.port}`;
    const { status, text } = await act({ origin, 'sec-fetch-site': 'same-origin' });
    expect([status, JSON.parse(text)]).to.deep.equal([200, { told: 'done' }]);
    expect(asked).to.deep.equal([{ kind: 'kill', who: 1 }]);
  });

  it('says what is wrong with a request, and takes none that is long', async () => {
    const post = (body: string): Promise<{ status: number; text: string }> =>
      ask(`/act?token=${token}`, { method: 'POST', body });
    expect(await post('{"kind":"wrong"}')).to.deep.equal({ status: 400, text: '{"problem":"that is wrong"}\n' });
    expect((await post('nonsense')).status).to.equal(400);
    expect((await post('null')).status).to.equal(400);
    expect((await post(`"${'x'.repeat(5000)}"`)).text).to.contain('at most 4096 bytes');
    expect((await ask(`/other?token=${token}`)).status).to.equal(404);
  });

  it('tells the host when somebody watches, and when nobody does any more', async () => {
    const sent = request({ host: '127.0.0.1', port: server.port, path: `/events?token=${token}` });
    sent.end();
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    response.on('error', () => {});
    const [first] = (await once(response, 'data')) as [Buffer];
    expect(first.toString()).to.equal('data: {"kind":"state","n":1}\n\n');
    expect(watched).to.deep.equal([true]);
    server.tell({ kind: 'told' });
    const [second] = (await once(response, 'data')) as [Buffer];
    expect(second.toString()).to.equal('data: {"kind":"told"}\n\n');
    sent.on('error', () => {});
    sent.destroy();
    while (watched.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(watched).to.deep.equal([true, false]);
  });
});

describe('what the page asks of the store', () => {
  let network: Network;

  before(async () => {
    network = await Network.open([1, 2], () => ({ host: '127.0.0.1', port: 1 }));
  });

  after(() => network.close());

  const pageOf = (steering = new Steering(), client?: PageClient): ClusterPage =>
    new ClusterPage({
      title: 'a cluster',
      network,
      steering,
      client: client && ((id, asked) => client.act(id, asked)),
    });
  const shown = (changed: object): object => ({
    kind: 'state',
    title: 'a cluster',
    asksClients: true,
    processes: ['ended', 'ended'],
    cut: [],
    slow: [],
    ...changed,
  });

  it('is refused if it names no member, or is nothing that can be done', async () => {
    const [free] = await freePeers(1);
    const page = pageOf(new Steering(), new PageClient(() => `127.0.0.1:${free?.port}`));
    const wrong = [
      { kind: 'kill', who: 3 },
      { kind: 'kill', who: '1' },
      { kind: 'cut', who: 1 },
      { kind: 'cut', who: 1, to: 1 },
      { kind: 'split', side: 1 },
      { kind: 'slow', ms: 1e9 },
      { kind: 'slow', who: 1, ms: 5 },
      { kind: 'lose', who: 1, to: 2, message: 'DROP TABLE' },
      { kind: 'lose', who: 1, to: 2 },
      { kind: 'delay', who: 1, to: 2 },
      { kind: 'write', who: 1, value: 'x'.repeat(21) },
      { kind: 'format the disk', who: 1 },
    ];
    for (const asked of wrong) expect(() => page.act(asked), JSON.stringify(asked)).to.throw(Error);
    page.act({ kind: 'cut', who: 1, to: 2 });
    expect(page.state()).to.deep.equal(shown({ cut: [[1, 2]] }));
    page.act({ kind: 'slow', ms: 50 });
    page.act({ kind: 'heal' });
    expect(page.state()).to.deep.equal(shown({}));
    const answer = (await page.act({ kind: 'write', who: 1, value: 'w1' })) as { verdict: string };
    expect(answer.verdict).to.equal('not done');
  });

  it('slows down one direction of a link, or all', () => {
    const page = pageOf();
    page.act({ kind: 'slow', who: 2, to: 1, ms: 500 });
    expect(page.state().slow).to.deep.equal([[2, 1, 500]]);
    page.act({ kind: 'slow', ms: 30 });
    expect(page.state().slow).to.deep.equal([
      [1, 2, 30],
      [2, 1, 30],
    ]);
    page.act({ kind: 'slow', ms: 0 });
    expect(page.state().slow).to.deep.equal([]);
  });

  it('of clients is refused where there is nothing to write or read', () => {
    expect(pageOf().state().asksClients).to.equal(false);
    expect(() => pageOf().act({ kind: 'read', who: 1 })).to.throw('this cannot be done here');
  });

  it('of messages goes to their sender, if that runs', () => {
    const sent: unknown[] = [];
    class Running extends Steering {
      override stateOf(): 'running' {
        return 'running';
      }
      override send(id: bigint, message: object): void {
        sent.push([id, message]);
      }
    }
    const page = pageOf(new Running());
    page.act({ kind: 'lose', who: 1, to: 2, message: 'MsgApp' });
    page.act({ kind: 'delay', who: 2, to: 1, ms: 300 });
    expect(sent).to.deep.equal([
      [1n, { fault: { to: 2, message: 'MsgApp' } }],
      [2n, { fault: { to: 1, delayMs: 300 } }],
    ]);
  });
});

describe('a member that tells its launcher', () => {
  class Transport {
    readonly messages: Message[] = [];
    send(messages: readonly Message[]): void {
      this.messages.push(...messages);
    }
  }

  const told: { told?: Told }[] = [];
  const listeners = new Set<(message: unknown) => void>();
  const channel: Channel = {
    send: (message) => told.push(message),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
  };
  const say = (message: unknown): void => {
    for (const listener of listeners) listener(message);
  };
  let transport: Transport;
  let telling: Telling;
  let node: RawNode;

  beforeEach(() => {
    told.length = 0;
    transport = new Transport();
    const storage = new MemoryStorage();
    const confState = { voters: [1n, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    storage.applySnapshot({ data: undefined, metadata: { index: 1, term: 1, confState } });
    const limits = { maxSizePerMsg: 1024, maxInflightMsgs: 4 };
    node = new RawNode({ id: 1n, electionTick: 10, heartbeatTick: 1, storage, ...limits });
    const parts: TellingParts = { status: () => node.status(), applied: () => 1, storage, transport };
    telling = new Telling(parts, channel);
    telling.start();
  });

  afterEach(() => telling.stop());

  const message = (type: MessageType, to: bigint): Message => newMessage(type, to);
  /** The next report. */
  const next = async (): Promise<Told> => {
    told.length = 0;
    while (told[0]?.told === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    return told[0].told;
  };

  it('looks at nothing, and stands in nobody’s way, unless somebody watches', () => {
    const isTapped = (): boolean => Object.hasOwn(transport, 'send');
    expect([told, isTapped()]).to.deep.equal([[{ listening: true }], false]);
    say({ tell: true });
    expect(isTapped()).to.equal(true);
    transport.send([]);
    say({ tell: false });
    expect(isTapped()).to.equal(false);
    say({ fault: { to: 2 } });
    say({ tell: true });
    say('nonsense');
    transport.send([message(MessageType.MsgApp, 2n)]);
    expect(transport.messages.length, 'a fault without a watcher is forgotten').to.equal(1);
    telling.stop();
    expect([isTapped(), listeners.size, told.length]).to.deep.equal([false, 0, 1]);
  });

  it('tells its election timer, and the votes that it has', async () => {
    say({ tell: true });
    node.tick();
    const { role, elapsed, timeout, voters } = await next();
    expect({ role, elapsed, voters }).to.deep.equal({ role: 'Follower', elapsed: 1, voters: [1, 2, 3] });
    expect(timeout).to.be.within(10, 19);
    node.campaign();
    const ready = node.ready();
    transport.send(ready.messages);
    const asking = await next();
    expect([asking.role, asking.granted, asking.refused]).to.deep.equal(['Candidate', 0, 0]);
    expect(asking.sent.map(({ name, to }) => `${name} ${to}`)).to.have.members(['MsgVote 2', 'MsgVote 3']);
  });

  it('loses the next message of a kind on a link, and no other', async () => {
    say({ tell: true });
    say({ fault: { to: 2, message: 'MsgApp' } });
    const [other, kind, meant, later] = [
      message(MessageType.MsgApp, 3n),
      message(MessageType.MsgHeartbeat, 2n),
      message(MessageType.MsgApp, 2n),
      message(MessageType.MsgApp, 2n),
    ];
    transport.send([other, kind, meant, later]);
    expect(transport.messages).to.deep.equal([other, kind, later]);
    const { sent } = await next();
    expect(sent.map(({ fate }) => fate)).to.deep.equal([undefined, undefined, 'lost', undefined]);
  });

  it('holds back the next message on a link, and sends it then', async () => {
    say({ tell: true });
    say({ fault: { to: 2, delayMs: 5 } });
    const [late, snapshot] = [message(MessageType.MsgHeartbeat, 2n), message(MessageType.MsgSnap, 2n)];
    transport.send([snapshot, late]);
    expect(transport.messages, 'raft waits for what becomes of a snapshot').to.deep.equal([snapshot]);
    while (transport.messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(transport.messages[1]).to.equal(late);
  });

  it('keeps few faults, whoever asks for more', () => {
    say({ tell: true });
    for (let i = 0; i < 1000; i++) say({ fault: { to: 2 } });
    const all = Array.from({ length: 1000 }, () => message(MessageType.MsgHeartbeat, 2n));
    transport.send(all);
    expect(transport.messages.length).to.equal(1000 - 16);
  });
});
