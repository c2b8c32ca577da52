import { once } from 'node:events';
import { createConnection } from 'node:net';
import {
  connectionsWithin,
  LOG_BUDGET,
  LogBudget,
  MAX_HEADERS,
  MAX_PIPELINED,
  openFilesLimit,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { append, eventually, exchangeRaw, requestHead, startCluster, startMember, stopAll } from './members.js';

type Fields = Readonly<Record<string, string | number | boolean>>;

/** A budget for whom 2 is a peer, what it lets through, and the end of its windows. */
function budget(): { log: LogBudget; lines: [string, string, Fields][]; endWindows: () => void } {
  const lines: [string, string, Fields][] = [];
  const note = (level: string) => (message: string, fields: Fields) => lines.push([level, message, fields]);
  const ends: (() => void)[] = [];
  const logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const log = new LogBudget(
    logger,
    (id) => id === '2',
    (action) => {
      ends.push(action);
      return () => undefined;
    },
  );
  return { log, lines, endWindows: () => ends.splice(0).forEach((end) => end()) };
}

describe('log lines', () => {
  afterEach(stopAll);

  it('of one cause are limited in each window, and the number left out is logged after it', () => {
    const { log, lines, endWindows } = budget();
    for (let i = 0; i < 1000; i++) log.warn('cause', { i });
    expect(lines).to.have.length(LOG_BUDGET);
    endWindows();
    expect(lines.at(-1)).to.deep.equal(['warn', 'cause (repeated)', { 'lines-left-out': 1000 - LOG_BUDGET }]);
    log.warn('cause', {});
    expect(lines).to.have.length(LOG_BUDGET + 2);
    endWindows();
    expect(lines, 'nothing was left out').to.have.length(LOG_BUDGET + 2);
  });

  it('that repeat are logged once in a window', () => {
    const { log, lines, endWindows } = budget();
    for (let i = 0; i < 5; i++) log.warnOnce('cause', { 'remote-peer-id': '2' });
    log.warnOnce('cause', { 'remote-peer-id': '2', error: 'another' });
    expect(lines).to.have.length(2);
    endWindows();
    expect(lines.at(-1)).to.deep.equal(['warn', 'cause (repeated)', { 'remote-peer-id': '2', 'lines-left-out': 4 }]);
  });

  it('that were left out are counted when the transport stops, and later ones get through', () => {
    const { log, lines } = budget();
    for (let i = 0; i < 20; i++) log.warn('cause', {});
    log.close();
    expect(lines.at(-1)).to.deep.equal(['warn', 'cause (repeated)', { 'lines-left-out': 20 - LOG_BUDGET }]);
    for (let i = 0; i < 20; i++) log.warn('cause', {});
    expect(lines).to.have.length(LOG_BUDGET + 1 + 20);
  });

  it('about strangers never hide those about a peer, nor those of one cause those of another', () => {
    const { log, lines } = budget();
    for (let i = 0; i < 1000; i++) log.warnOnce('cause', { 'remote-peer-id': `stranger ${i}` });
    log.warnOnce('cause', { 'remote-peer-id': '2' });
    log.warnOnce('another', { 'remote-peer-id': 'stranger' });
    log.error('cause', {});
    expect(lines.slice(LOG_BUDGET)).to.deep.equal([
      ['warn', 'cause', { 'remote-peer-id': '2' }],
      ['warn', 'another', { 'remote-peer-id': 'stranger' }],
      ['error', 'cause', {}],
    ]);
  });

  it('are not written for each request of a stranger, and those about a peer still are', async () => {
    const a = await startMember(1n);
    const { port } = a.listener.address;
    for (let i = 0; i < 40; i++) {
      const head = requestHead('POST', '/raft', 2n, { 'X-Etcd-Cluster-Id': `7${i}`, 'Content-Length': '0' });
      expect((await exchangeRaw(port, head)).status).to.equal(412);
    }
    expect(a.receiver.log.filter((line) => line.includes('cluster ID mismatch'))).to.have.length(LOG_BUDGET);
  });

  it('are not written for each stream that somebody takes over', async () => {
    const [a, b] = await startCluster(2);
    if (a === undefined || b === undefined) throw new Error('no members');
    const head = requestHead('GET', '/raft/stream/msgapp/2', 2n, { 'X-Raft-To': '1' });
    for (let i = 0; i < 40; i++) {
      const socket = createConnection(a.listener.address.port, '127.0.0.1');
      socket.write(head);
      await once(socket, 'data');
      socket.destroy();
      await once(socket, 'close');
    }
    await eventually('the peer is still spoken to', () => {
      a.transport.send([append(1n, 2n, 4)]);
      return b.receiver.processed.length > 0;
    });
    const counts = new Map<string, number>();
    for (const line of a.receiver.log.filter((one) => !one.startsWith('debug'))) {
      const cause = line.slice(0, line.indexOf('{'));
      counts.set(cause, (counts.get(cause) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).to.be.at.most(LOG_BUDGET);
  });
});

describe('requests', () => {
  afterEach(stopAll);

  it('of a connection that waits for no answer are cut off, and not all of them looked at', async () => {
    const a = await startMember(1n);
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(requestHead('GET', '/raft/probing', 2n).repeat(100));
    await once(socket, 'close');
    expect(text.split('HTTP/1.1 200').length - 1).to.be.at.most(MAX_PIPELINED);
    expect(a.receiver.log.filter((line) => line.includes('without waiting for answers'))).to.have.length(1);
  });

  it('that come one after the other are not limited', async () => {
    const a = await startMember(1n);
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    for (let i = 0; i < 3 * MAX_PIPELINED; i++) {
      socket.write(requestHead('GET', '/raft/probing', 2n));
      expect(String((await once(socket, 'data'))[0])).to.match(/^HTTP\/1\.1 200/u);
    }
    socket.destroy();
  });

  it('of more headers than any member sends are refused', async () => {
    const a = await startMember(1n);
    const many = (count: number): string =>
      requestHead(
        'GET',
        '/raft/probing',
        2n,
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, 'b'])),
      );
    expect((await exchangeRaw(a.listener.address.port, many(MAX_HEADERS))).status).to.equal(431);
    expect((await exchangeRaw(a.listener.address.port, many(10))).status).to.equal(200);
  });
});

describe('open files', () => {
  it('are limited by what the system reports, if it reports anything', () => {
    const limits =
      'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files     \n';
    expect(openFilesLimit(() => limits)).to.equal(1024);
    expect(openFilesLimit(() => limits.replace('1024', 'unlimited'))).to.equal(undefined);
    expect(openFilesLimit(() => 'nothing')).to.equal(undefined);
    expect(
      openFilesLimit(() => {
        throw new Error('no such file');
      }),
    ).to.equal(undefined);
  });

  const cases: [wanted: number | undefined, files: number | undefined, connections: number, isLow: boolean][] = [
    [undefined, undefined, 4096, false],
    [undefined, 1_000_000, 4096, false],
    [undefined, 1024, 768, false],
    [undefined, 256, 128, true],
    [20_000, 10_000, 9744, false],
    [100, 10_000, 100, false],
    [undefined, 20, 16, true],
  ];
  for (const [wanted, files, connections, isLow] of cases) {
    it(`${files ?? 'unknown'}, and ${wanted ?? 'no'} connections wanted: ${connections}`, () => {
      expect(connectionsWithin(wanted, files)).to.deep.equal({ connections, isLow });
    });
  }
});
