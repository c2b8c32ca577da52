import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Message } from '@raft-ts/raft';
import {
  type Channel,
  Network,
  type PageHost,
  PageServer,
  Steering,
  StorePage,
  Telling,
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
    network = await Network.open([1, 2, 3], (id) => portOf(servers[id - 1] as Server));
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
    network = await Network.open([1, 2], () => 1);
  });

  after(() => network.close());

  it('is refused if it names no member, or is nothing that can be done', async () => {
    const [free] = await freePeers(1);
    const clientAt = (): string => `127.0.0.1:${free?.port}`;
    const page = new StorePage({ network, steering: new Steering(), clientAt });
    const wrong = [
      { kind: 'kill', who: 3 },
      { kind: 'kill', who: '1' },
      { kind: 'cut', who: 1 },
      { kind: 'split', side: 1 },
      { kind: 'slow', ms: 1e9 },
      { kind: 'format the disk' },
    ];
    for (const asked of wrong) expect(() => page.act(asked), JSON.stringify(asked)).to.throw(Error);
    page.act({ kind: 'cut', who: 1, to: 2 });
    expect(page.state()).to.deep.equal({ kind: 'state', processes: ['ended', 'ended'], cut: [[1, 2]], slowMs: 0 });
    page.act({ kind: 'slow', ms: 50 });
    page.act({ kind: 'heal' });
    expect(page.state()).to.deep.equal({ kind: 'state', processes: ['ended', 'ended'], cut: [], slowMs: 0 });
    const answer = (await page.act({ kind: 'write', who: 1, value: 'w1' })) as { verdict: string };
    expect(answer.verdict).to.equal('not done');
  });
});

describe('a member that tells its launcher', () => {
  it('looks at nothing, and stands in nobody’s way, unless somebody watches', () => {
    const told: object[] = [];
    const listeners = new Set<(message: unknown) => void>();
    const channel: Channel = {
      send: (message) => told.push(message),
      on: (_, listener) => listeners.add(listener),
      off: (_, listener) => listeners.delete(listener),
    };
    const say = (message: unknown): void => {
      for (const listener of listeners) listener(message);
    };
    class Transport {
      readonly messages: Message[] = [];
      send(messages: readonly Message[]): void {
        this.messages.push(...messages);
      }
    }
    const transport = new Transport();
    const parts = { replica: {}, storage: {}, transport } as unknown as ConstructorParameters<typeof Telling>[0];
    const telling = new Telling(parts, channel);
    const isTapped = (): boolean => Object.hasOwn(transport, 'send');
    telling.start();
    expect([told, isTapped()]).to.deep.equal([[{ listening: true }], false]);
    say({ tell: true });
    expect(isTapped()).to.equal(true);
    transport.send([]);
    say({ tell: false });
    expect(isTapped()).to.equal(false);
    say({ tell: true });
    say('nonsense');
    telling.stop();
    expect([isTapped(), listeners.size, told.length]).to.deep.equal([false, 0, 1]);
  });
});
