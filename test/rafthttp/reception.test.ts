import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, type Message, MessageType, NONE } from '@raft-ts/proto';
import { silentLogger } from '@raft-ts/raft';
import {
  BODY_PACE_BYTES,
  BodyReader,
  Connections,
  encodeEnvelope,
  Gateway,
  Incarnations,
  IncomingSnapshots,
  isIncarnation,
  LogBudget,
  MAX_FORMER_INCARNATIONS,
  MAX_INCARNATION_LENGTH,
  MAX_SNAPSHOT_MEMBERS,
  RequestChunks,
  Waiting,
  Warnings,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { message, Recorder, snapshot } from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();
const IDLE_MS = 1000;
/** A request whose body is what the test writes. */
function requestOf(length?: number): PassThrough & IncomingMessage {
  const req = new PassThrough() as unknown as PassThrough & IncomingMessage;
  req.headers = length === undefined ? {} : { 'content-length': String(length) };
  return req;
}

describe('BodyReader', () => {
  beforeEach(() => timers.install());
  afterEach(() => timers.uninstall());

  /** The length of a body that came, which then counts no more; or the status that refuses it. */
  const outcome = (body: Awaited<ReturnType<BodyReader['read']>>): number => {
    if ('status' in body) return body.status;
    body.release();
    return body.length;
  };

  it('takes a body of just the limit, refuses a byte more, and one that announces it before it comes', async () => {
    const bodies = new BodyReader(IDLE_MS, 100, 1000);
    for (const [length, expected] of [
      [100, 100],
      [101, 413],
    ] as const) {
      const req = requestOf();
      const read = bodies.read(req);
      req.end(Buffer.alloc(length));
      expect(outcome(await read)).to.equal(expected);
    }
    expect(outcome(await bodies.read(requestOf(101)))).to.equal(413);
    expect(timers.pending).to.equal(0);
  });

  it('bounds all bodies together: the longest gives way, and what is over counts no more', async () => {
    const bodies = new BodyReader(IDLE_MS, 100, 150);
    for (let round = 0; round < 5; round++) {
      const [long, short] = [requestOf(), requestOf()];
      const read = [bodies.read(long), bodies.read(short)];
      long.write(Buffer.alloc(100));
      await turn();
      short.write(Buffer.alloc(50));
      await turn();
      short.end(Buffer.alloc(1));
      expect((await Promise.all(read)).map(outcome)).to.deep.equal([503, 51]);
      expect(long.listenerCount('data')).to.equal(0);
    }
    expect(timers.pending).to.equal(0);
  });

  it('gives up a body that keeps no pace, and no other', async () => {
    const bodies = new BodyReader(IDLE_MS, 10 * BODY_PACE_BYTES);
    const [quick, dripping, silentOne] = [requestOf(), requestOf(), requestOf()];
    const results: (number | undefined)[] = [undefined, undefined, undefined];
    for (const [i, req] of [quick, dripping, silentOne].entries()) {
      const note = async (): Promise<void> => {
        results[i] = outcome(await bodies.read(req));
      };
      void note();
    }
    quick.write(Buffer.alloc(BODY_PACE_BYTES));
    for (let i = 0; i < 3; i++) {
      timers.advance(IDLE_MS / 4);
      dripping.write(Buffer.alloc(1));
      await turn();
    }
    expect(results).to.deep.equal([undefined, undefined, undefined]);
    quick.write(Buffer.alloc(BODY_PACE_BYTES));
    await turn();
    timers.advance(IDLE_MS / 4);
    await turn();
    expect(results).to.deep.equal([undefined, 400, 400]);
    quick.end();
    await turn();
    expect(results[0]).to.equal(2 * BODY_PACE_BYTES);
    expect(timers.pending).to.equal(0);
  });

  it('lets a body that keeps its pace take longer', async () => {
    const bodies = new BodyReader(IDLE_MS, 10 * BODY_PACE_BYTES);
    const req = requestOf();
    const read = bodies.read(req);
    for (let i = 0; i < 4; i++) {
      timers.advance(IDLE_MS - 1);
      req.write(Buffer.alloc(BODY_PACE_BYTES));
      await turn();
    }
    req.end();
    expect(outcome(await read)).to.equal(4 * BODY_PACE_BYTES);
    expect(timers.pending).to.equal(0);
  });
});

describe('Waiting', () => {
  it('forgets a sender of whom nothing waits', () => {
    const waiting = new Waiting({ messages: 10, bytes: 100, bytesPerSender: 60 });
    for (let i = 0; i < 50; i++) waiting.enter(`sender ${i}`, i % 2)?.();
    expect((waiting as unknown as { bytesOf: Map<string, number> }).bytesOf.size).to.equal(0);
  });
});

describe('RequestChunks', () => {
  beforeEach(() => timers.install());
  afterEach(() => timers.uninstall());

  const text = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      (chunk) => `${(chunk as Buffer | undefined)?.length}`,
      (error: Error) => error.message,
    );

  it('leaves no timer, and gives up a body that is silent', async () => {
    const req = requestOf(5);
    const chunks = new RequestChunks(req, IDLE_MS);
    expect(chunks.announced).to.equal(5);
    req.write(Buffer.alloc(5));
    expect(await text(chunks.next())).to.equal('5');
    expect([chunks.taken, timers.pending]).to.deep.equal([5, 0]);
    const next = text(chunks.next());
    await turn();
    timers.advance(IDLE_MS);
    expect(await next).to.equal('read timeout');
    expect(timers.pending).to.equal(0);
  });

  it('ends with the body, and when it is told to', async () => {
    const req = requestOf();
    const chunks = new RequestChunks(req, IDLE_MS);
    const next = text(chunks.next());
    chunks.abort(new Error('no room'));
    expect(await next).to.equal('no room');
    expect(await text(chunks.next())).to.equal('no room');
    const ended = requestOf();
    ended.end();
    expect(await text(new RequestChunks(ended, IDLE_MS).next())).to.equal('undefined');
  });
});

describe('Connections', () => {
  class FakeSocket extends EventEmitter {
    readonly localAddress = '127.0.0.1';
    readonly localPort: number;
    readonly remoteAddress = '127.0.0.1';
    readonly remotePort: number;
    destroyed = false;

    constructor(remotePort: number, localPort: number) {
      super();
      this.remotePort = remotePort;
      this.localPort = localPort;
    }

    destroy(): void {
      this.destroyed = true;
      this.emit('close');
    }
  }

  const setUp = (limit: number) => {
    const server = new EventEmitter();
    const warnings = new Warnings(
      new LogBudget(
        silentLogger,
        () => false,
        () => () => {},
      ),
    );
    const connections = new Connections(limit, warnings);
    connections.watch(server as unknown as Server);
    let port = 1000;
    const open = (remotePort = port++, localPort = 80): FakeSocket => {
      const socket = new FakeSocket(remotePort, localPort);
      server.emit('connection', socket);
      return socket;
    };
    const use = (socket: FakeSocket): void => void server.emit('request', { socket });
    const hold = (socket: FakeSocket) => {
      const res = new EventEmitter();
      const release = connections.hold(
        { socket: socket as unknown as Socket } as IncomingMessage,
        res as ServerResponse,
      );
      return { res, release };
    };
    return { open, use, hold };
  };
  const cut = (sockets: readonly FakeSocket[]): boolean[] => sockets.map(({ destroyed }) => destroyed);

  it('as many as documented stay; beyond that the one whose latest request is the oldest gives way', () => {
    const { open, use } = setUp(3);
    const sockets = [open(), open(), open()];
    expect(cut(sockets)).to.deep.equal([false, false, false]);
    use(sockets[0] as FakeSocket);
    const next = open();
    expect(cut([...sockets, next])).to.deep.equal([false, true, false, false]);
  });

  it('one over which an answer passes gives way to nobody, until the answer is over', () => {
    const { open, hold } = setUp(2);
    const [one, two] = [open(), open()];
    const held = [one, two].map(hold);
    const refused = open();
    expect(cut([one, two, refused])).to.deep.equal([false, false, true]);
    held[0]?.res.emit('close');
    const next = open();
    expect(cut([one, two, next])).to.deep.equal([true, false, false]);
    held[1]?.release();
    open();
    expect(two.destroyed).to.equal(true);
  });

  it('an answer frees its place once, however often it is over', () => {
    const { open, hold } = setUp(1);
    const socket = open();
    const [first] = [hold(socket), hold(socket)];
    first?.release();
    first?.res.emit('close');
    first?.release();
    expect(open().destroyed).to.equal(true);
    expect(socket.destroyed).to.equal(false);
  });

  it('those from one port to two servers are two', () => {
    const { open } = setUp(2);
    const [one, two] = [open(7, 80), open(7, 443)];
    const next = open(8);
    expect(cut([one, two, next])).to.deep.equal([true, false, false]);
  });

  it('one that is closed takes no place', () => {
    const { open } = setUp(2);
    const stays = open();
    for (let i = 0; i < 10; i++) open().emit('close');
    expect(stays.destroyed).to.equal(false);
  });
});

describe('incarnations', () => {
  it('of strangers are forgotten when there are many; the first of an id is kept', () => {
    const incarnations = new Incarnations('me', (id) => id < 10n);
    incarnations.remember(1n, 'a');
    incarnations.remember(1n, 'b');
    expect(incarnations.of(1n)).to.equal('a');
    for (let id = 10n; id < 10n + 3n * BigInt(MAX_FORMER_INCARNATIONS); id++) incarnations.remember(id, 'x');
    const known = Array.from({ length: 3 * MAX_FORMER_INCARNATIONS }, (_, i) => incarnations.of(BigInt(10 + i)));
    expect(known.filter((one) => one !== undefined)).to.have.length(MAX_FORMER_INCARNATIONS);
    expect(incarnations.of(1n)).to.equal('a');
  });

  it('are as long as documented, and no longer', () => {
    expect(isIncarnation('x'.repeat(MAX_INCARNATION_LENGTH))).to.equal(true);
    for (const text of ['x'.repeat(MAX_INCARNATION_LENGTH + 1), '', ' ', 'ä']) {
      expect(isIncarnation(text)).to.equal(false);
    }
  });
});

describe('Gateway', () => {
  it('passes a snapshot of as many members as documented, and of no more', () => {
    const gateway = new Gateway(1n, new Recorder(), silentLogger);
    const withMembers = (count: number): Message => {
      const voters = Array.from({ length: count - 1 }, (_, i) => BigInt(i + 2));
      const confState = { voters, learners: [1n], votersOutgoing: [], learnersNext: [], autoLeave: false };
      return message(MessageType.MsgSnap, 2n, 1n, {
        term: 1,
        snapshot: { data: undefined, metadata: { index: 1, term: 1, confState } },
      });
    };
    expect(gateway.refusal(withMembers(MAX_SNAPSHOT_MEMBERS), 2n)).to.equal(undefined);
    expect(gateway.refusal(withMembers(MAX_SNAPSHOT_MEMBERS + 1), 2n)).to.equal('snapshot of too many members');
  });

  it('passes nothing from nobody, not even what keeps its author', () => {
    const gateway = new Gateway(1n, new Recorder(), silentLogger);
    for (const from of [NONE, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD]) {
      for (const type of [MessageType.MsgProp, MessageType.MsgReadIndex, MessageType.MsgHeartbeat]) {
        for (const sender of [undefined, 2n]) {
          expect(gateway.refusal(message(type, from, 1n), sender)).to.equal('from field mismatch');
        }
      }
    }
    expect(gateway.refusal(message(MessageType.MsgProp, 3n, 1n), 2n)).to.equal(undefined);
  });

  it('reports of lost messages a snapshot alone, and a receiver that throws goes no further', () => {
    const receiver = new Recorder();
    const gateway = new Gateway(1n, receiver, silentLogger);
    gateway.reportLost(message(MessageType.MsgHeartbeat, 1n, 2n));
    gateway.reportLost(message(MessageType.MsgSnap, 1n, 2n));
    expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    const bug = (): never => {
      throw new Error('bug');
    };
    Object.assign(receiver, { reportUnreachable: bug, reportSnapshot: bug, isIdRemoved: bug });
    gateway.reportUnreachable(2n);
    gateway.reportSnapshot(2n, 'failure');
    expect(gateway.isIdRemoved(2n)).to.equal(false);
  });
});

describe('IncomingSnapshots', () => {
  beforeEach(() => timers.install());
  afterEach(() => timers.uninstall());

  const hold = () => {
    const store = {
      removeRemains: () => Promise.resolve(),
      create: () => Promise.reject(new Error('not reached')),
      freeBytes: () => Promise.resolve(undefined),
    };
    const incoming = new IncomingSnapshots({
      store,
      maxBytes: 100,
      idleMs: 1e6,
      slowMs: 1e6,
      logger: silentLogger,
      onProgress: () => {},
    });
    const results: (string | undefined)[] = [];
    const receive = (sender: bigint): { req: ReturnType<typeof requestOf>; at: number } => {
      const req = requestOf();
      const at = results.push(undefined) - 1;
      incoming
        .receive(req, sender, () => undefined)
        .catch((error: Error) => {
          results[at] = error.message;
        });
      return { req, at };
    };
    return { receive, results };
  };

  it('take one of each sender and two in all, and a place that was left is free', async () => {
    const { receive, results } = hold();
    const [one] = [receive(1n), receive(1n), receive(2n), receive(3n)];
    await turn();
    const busy = 'too many snapshots at the same time';
    expect(results).to.deep.equal([undefined, busy, undefined, busy]);
    one?.req.end();
    await turn();
    await turn();
    expect(results[0]).to.match(/^failed to decode/);
    receive(1n);
    await turn();
    expect(results.slice(4)).to.deep.equal([undefined]);
    receive(3n);
    await turn();
    expect(results.slice(4)).to.deep.equal([undefined, busy]);
  });

  describe('that are slow', () => {
    let real: typeof performance.now;
    let clock: number;

    beforeEach(() => {
      clock = 0;
      // Another test may have wrapped it since this file was loaded.
      real = performance.now;
      performance.now = () => clock;
    });
    afterEach(() => {
      performance.now = real;
    });

    const SLOW_MS = 1000;
    const MIB = 1024 * 1024;
    const setUp = () => {
      const sink = { write: () => Promise.resolve(), commit: () => Promise.resolve(), abort: () => Promise.resolve() };
      const store = {
        removeRemains: () => Promise.resolve(),
        create: () => Promise.resolve(sink),
        freeBytes: () => Promise.resolve(undefined),
      };
      const incoming = new IncomingSnapshots({
        store,
        maxBytes: 100 * MIB,
        idleMs: 1e6,
        slowMs: SLOW_MS,
        logger: silentLogger,
        onProgress: () => {},
      });
      const results: string[] = [];
      const receive = async (sender: bigint, bytes: number) => {
        const req = requestOf();
        const at = results.push('under way') - 1;
        const note = async (): Promise<void> => {
          try {
            await incoming.receive(req, sender, () => undefined);
            results[at] = 'taken';
          } catch (error) {
            results[at] = (error as Error).message;
          }
        };
        void note();
        req.write(encodeEnvelope({ ...snapshot(sender, 1n), from: sender }));
        for (let sent = 0; sent < bytes; sent += MIB) {
          req.write(Buffer.alloc(Math.min(MIB, bytes - sent)));
          await turn();
        }
        for (let i = 0; i < 10; i++) await turn();
        return req;
      };
      return { receive, results };
    };
    const busy = 'too many snapshots at the same time';

    it('give way to the next of the same sender, which then has the place', async () => {
      const { receive, results } = setUp();
      await receive(1n, 1000);
      clock = SLOW_MS - 1;
      await receive(1n, 1000);
      expect(results).to.deep.equal(['under way', busy]);
      clock = SLOW_MS;
      await receive(1n, 1000);
      expect(results[0]).to.include('too slow while another sender waits');
      expect(results[2]).to.equal('under way');
      await receive(1n, 1000);
      expect(results[3]).to.equal(busy);
    });

    it('do not give way if they are quick', async () => {
      const { receive, results } = setUp();
      await receive(1n, 3 * MIB);
      clock = 2.5 * SLOW_MS;
      await receive(1n, 1000);
      expect(results).to.deep.equal(['under way', busy]);
    });

    it('and chunks that keep their pace may take any time', async () => {
      const req = requestOf();
      const chunks = new RequestChunks(req, IDLE_MS);
      for (let i = 0; i < 3; i++) {
        const next = chunks.next();
        await turn();
        clock += 0.9 * IDLE_MS;
        timers.advance(0.9 * IDLE_MS);
        req.write(Buffer.alloc(BODY_PACE_BYTES));
        const outcome = await next.then(
          (chunk) => chunk?.length,
          (error: Error) => error.message,
        );
        expect(outcome).to.equal(BODY_PACE_BYTES);
      }
    });
  });
});
