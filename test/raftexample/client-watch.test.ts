import {
  HistoryGoneError,
  StoreClient,
  type StoreError,
  type Watch,
  type WatchEvent,
} from '@raft-ts/raftexample/client';
import { expect } from 'chai';
import { type Act, problem, reset, Scripted, shortStream, stream, text } from './scripted.js';

/** An event as a member sends it, with an id or without. */
function put(key: string, index: number, withId = true): string {
  const data = JSON.stringify({ key, value: `v${index}`, index });
  return `event: put\ndata: ${data}\n${withId ? `id: ${index}\n` : ''}\n`;
}

const from = (index: number): string => `: from here\nid: ${index}\n\n`;
const gone = (oldest: number): Act =>
  problem(410, { code: 'ERR_KV_HISTORY_GONE', reason: 'history', retry: 'no', oldest });

describe('the client: watches', () => {
  const servers: Scripted[] = [];
  const clients: StoreClient[] = [];

  const scene = async (
    scripts: readonly (readonly Act[])[],
    more: object = {},
  ): Promise<readonly [StoreClient, Scripted[]]> => {
    const made = await Promise.all(scripts.map((acts) => Scripted.start(...acts)));
    servers.push(...made);
    const endpoints = made.map(({ url }) => url);
    const client = new StoreClient({ endpoints, learn: false, pauseMs: 1, longestPauseMs: 2, ...more });
    clients.push(client);
    return [client, made];
  };

  /** The first events, as `put a 5`. */
  const take = async (watch: Watch, count: number): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const event of watch) {
      found.push(`${event.type} ${event.key} ${event.index}`);
      if (found.length === count) break;
    }
    return found;
  };

  const failure = async (call: Promise<unknown>): Promise<StoreError> =>
    call.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error as StoreError,
    );

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(servers.splice(0).map((one) => one.stop()));
  });

  it('puts and deletes come as they are, whatever the pieces', async () => {
    const bytes = Buffer.from(
      `${from(4)}${put('ä😀', 5)}event: delete\r\ndata: {"key":"b",\r\ndata: "index":6}\r\nid: 6\r\n\r\n`,
    );
    const act: Act = (response) => {
      stream()(response, response.req);
      for (const byte of bytes) response.write(Uint8Array.of(byte));
    };
    const [client] = await scene([[act]]);
    const events: WatchEvent[] = [];
    const watch = client.watch({ prefix: 'p/' });
    expect(watch.index).to.equal(undefined);
    expect(await watch.opened()).to.equal(4);
    for await (const event of watch) {
      events.push(event);
      if (events.length === 2) break;
    }
    expect(events).to.deep.equal([
      { type: 'put', key: 'ä😀', value: 'v5', index: 5 },
      { type: 'delete', key: 'b', index: 6 },
    ]);
    expect(watch.index).to.equal(5);
  });

  it('goes on after the last id when the connection breaks, with none twice and none left out', async () => {
    const [client, [at]] = await scene([
      [
        shortStream(from(4), put('a', 5)),
        reset,
        // An id alone: nothing was for this client.
        shortStream(from(5), ': \nid: 9\n\n'),
        // Half an entry: the next member begins it anew.
        shortStream(from(9), put('b', 12), put('c', 13, false)),
        stream(from(12), put('c', 13, false), put('d', 13)),
      ],
    ]);
    expect(await take(client.watch({ prefix: 'p' }), 4)).to.deep.equal(['put a 5', 'put b 12', 'put c 13', 'put d 13']);
    expect(at?.received.map(({ headers }) => headers['last-event-id'])).to.deep.equal([undefined, '5', '5', '9', '12']);
    expect(at?.asked[0]).to.equal('GET /watch?prefix=p');
  });

  it('a member that is behind tells nothing twice', async () => {
    const behind = stream(from(5), put('a', 4), put('a', 5), put('b', 6));
    const [client] = await scene([[shortStream(from(4), put('a', 5)), behind]]);
    expect(await take(client.watch(), 2)).to.deep.equal(['put a 5', 'put b 6']);
  });

  it('begins where it is told', async () => {
    const [client, [at]] = await scene([[stream(from(6), put('a', 7))]]);
    expect(await take(client.watch({ from: 7 }), 1)).to.deep.equal(['put a 7']);
    expect(at?.received[0]?.headers['last-event-id']).to.equal('6');
  });

  it('a member that ends the watch is followed by another one', async () => {
    const end = 'event: end\ndata: {"reason":"stopped","oldest":1,"detail":"this member ends"}\n\n';
    let index = 4;
    const next: Act = (response, request) => {
      shortStream(from(index), put('a', ++index), end)(response, request);
    };
    const [client, made] = await scene([[next], [next]]);
    expect(await take(client.watch({ from: 5 }), 2)).to.deep.equal(['put a 5', 'put a 6']);
    expect(made.map(({ asked }) => asked.length)).to.deep.equal([1, 1]);
  });

  it('ends with the oldest index if no member knows what came next, and not before', async () => {
    const [client, made] = await scene([[gone(90)], [gone(70)], [stream(from(4), put('a', 5))]]);
    expect(await take(client.watch({ from: 5 }), 1)).to.deep.equal(['put a 5']);
    made[2]?.play(gone(80));
    const error = await failure(take(client.watch({ from: 5 }), 1));
    expect(error).to.be.instanceOf(HistoryGoneError);
    expect(error).to.include({ code: 'ERR_KV_HISTORY_GONE', status: 410, oldest: 70 });
    // Nor does it wait for those that do not answer.
    await made[2]?.stop();
    expect(await failure(client.watch({ from: 5 }).opened())).to.include({ oldest: 70 });
  });

  it('ends if nobody answers for too long', async () => {
    const [client] = await scene([[shortStream(from(4), put('a', 5)), reset]], { maxAttempts: 1_000_000 });
    const error = await failure(take(client.watch({ from: 5, timeoutMs: 200 }), 2));
    expect(error).to.include({ code: 'ERR_CLIENT_TIMEOUT' });
  });

  it('a stream that says nothing is opened again', async () => {
    const [client, [at]] = await scene([[stream(from(4)), stream(from(4), put('a', 5))]], { silenceMs: 100 });
    expect(await take(client.watch(), 1)).to.deep.equal(['put a 5']);
    expect(at?.asked.length).to.be.at.least(2);
  });

  it('what is no stream of events is passed over', async () => {
    const nonsense: readonly Act[] = [
      text(200, 'hello'),
      shortStream('hello'),
      shortStream(put('a', 5)),
      shortStream('id: -1\n\n'),
      shortStream(from(4), 'event: put\ndata: {\nid: 5\n\n'),
      shortStream(from(4), 'event: put\ndata: {"key":"a","index":5}\nid: 5\n\n'),
      shortStream(from(4), 'event: put\ndata: {"key":"a","value":"v","index":5}\nid: x\n\n'),
      shortStream(from(4), Buffer.from('event: put\ndata: {"key":"a","value":"ä","index":5}\nid: 5\n\n', 'latin1')),
    ];
    const [client, [at]] = await scene([[...nonsense, stream(from(4), put('b', 5))]]);
    expect(await take(client.watch({ from: 5 }), 1)).to.deep.equal(['put b 5']);
    expect(at?.asked).to.have.length(nonsense.length + 1);
  });

  it('its signal, close and leaving the loop end it, and its connection', async () => {
    const [client, [at]] = await scene([[stream(from(4), put('a', 5))]]);
    let closed = 0;
    const open: Act = (response, request) => {
      response.once('close', () => closed++);
      stream(from(4), put('a', 5))(response, request);
    };
    at?.play(open);
    const until = async (count: number): Promise<void> => {
      while (closed < count) await new Promise(setImmediate);
    };
    await take(client.watch(), 1);
    await until(1);

    const stop = new AbortController();
    const aborted = take(client.watch({ signal: stop.signal }), 2);
    while ((at?.asked ?? []).length < 2) await new Promise(setImmediate);
    stop.abort(new RangeError('enough'));
    expect(await failure(aborted)).to.be.instanceOf(RangeError);
    await until(2);

    const watch = client.watch();
    await watch.opened();
    const rest = take(watch, 2);
    while (watch.index !== 5) await new Promise(setImmediate);
    await watch.close();
    expect(await rest).to.deep.equal(['put a 5']);
    await until(3);
    expect(() => watch[Symbol.asyncIterator]()).to.throw('iterated once');

    // One that nobody iterates.
    const idle = client.watch();
    await idle.opened();
    await idle.close();
    await until(4);

    const left = take(client.watch(), 2);
    while ((at?.asked ?? []).length < 5) await new Promise(setImmediate);
    await client.close();
    expect(await failure(left)).to.include({ code: 'ERR_CLIENT_CLOSED' });
    await until(5);
  });
});
