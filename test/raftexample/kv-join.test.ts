import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askToJoin, readToken, seeToVote } from '@raft-ts/raftexample/internal';
import { MembershipError } from '@raft-ts/replica';
import { expect } from 'chai';
import { Counter } from '../replica/machines.js';
import { VirtualCluster } from '../replica/virtual.js';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

describe('the store: a member that asks to be added', () => {
  let server: Server | undefined;
  const asked: string[] = [];
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
    asked.splice(0);
  });

  const log = { info: () => {}, warn: () => {} };
  const serve = async (answers: readonly ((response: ServerResponse) => void)[]): Promise<string> => {
    let next = 0;
    server = createServer((request: IncomingMessage, response) => {
      void (async () => {
        let body = '';
        for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
        asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${body}`);
        answers[Math.min(next++, answers.length - 1)]?.(response);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const says =
    (status: number, body: object) =>
    (response: ServerResponse): void => {
      response.writeHead(status).end(JSON.stringify(body));
    };
  const joining = (via: string, token?: string): Promise<void> =>
    askToJoin(
      { id: 18446744073709551000n, url: 'http://h:1', via, token, timeoutMs: 5000, pauseMs: 1 },
      AbortSignal.timeout(60_000),
      log,
    );
  const failure = async (attempt: Promise<void>): Promise<{ message: string; exitCode: number }> => {
    try {
      await attempt;
    } catch (error) {
      return error as { message: string; exitCode: number };
    }
    throw new Error('it was not refused');
  };

  it('asks until somebody adds it, with the token and an id of 64 bits', async () => {
    const via = await serve([
      says(503, { error: 'no leader' }),
      (response) => response.destroy(),
      (response) => void response.writeHead(504).end('<html>'),
      says(200, { index: 7 }),
    ]);
    await joining(via, 'secret-of-clients');
    expect(asked).to.have.length(4);
    expect(new Set(asked)).to.deep.equal(
      new Set([
        'POST /members Bearer secret-of-clients {"id":18446744073709551000,"url":"http://h:1","learner":false}',
      ]),
    );
  });

  it('ends if the cluster refuses it, and says by which code', async () => {
    const used = await failure(
      joining(await serve([says(409, { error: 'used', code: 'ERR_KV_CONFLICT', reason: 'id-used' })])),
    );
    expect(used.message).to.include('409 (ERR_KV_CONFLICT, id-used): used');
    expect(used.exitCode).to.equal(3);
    server?.close();
    const unknown = await failure(joining(await serve([says(401, { error: 'token' })])));
    expect(unknown.message).to.include('--token-file');
    expect(unknown.exitCode).to.equal(2);
    server?.close();
    const other = await failure(joining(await serve([(response) => void response.writeHead(404).end('?')])));
    expect(other.exitCode).to.equal(2);
    expect(asked).to.have.length(3);
  });

  it('ends when it is asked to stop', async () => {
    const via = await serve([says(503, {})]);
    const stopping = new AbortController();
    // In the middle of a pause, and then before the first attempt.
    const warn = (): void => void setImmediate(() => stopping.abort());
    const request = { id: 4n, url: 'http://h:1', via, token: undefined, timeoutMs: 5000, pauseMs: 60_000 };
    await askToJoin(request, stopping.signal, { ...log, warn });
    await askToJoin(request, stopping.signal, log);
    expect(asked).to.have.length(1);
  });
});

describe('the store: a member that joined to vote', () => {
  const lines: string[] = [];
  const log = { info: (text: string) => lines.push(text), warn: (text: string) => lines.push(text) };
  const votes = { id: 4n, url: 'virtual:4' };
  afterEach(() => lines.splice(0));

  it('sees to it itself, though whoever was asked to add it has died', async () => {
    const group = new VirtualCluster<number, number>(3, () => new Counter());
    await group.start();
    const joiner = await group.startMember(4n);
    const leader = await group.leader();
    const stopping = new AbortController();
    const seen = seeToVote(joiner, votes, { stopping: stopping.signal, log });
    await group.time.settled(leader.addMember(votes, { role: 'learner' }));
    await group.kill(leader.id);
    await group.time.settled(seen);
    expect(joiner.members().find(({ id }) => id === 4n)?.role).to.equal('voter');
    expect(lines).to.deep.equal(['member 4 has caught up, and votes']);
    // One that votes, or is asked to stop, asks for nothing.
    await seeToVote(joiner, votes, { stopping: stopping.signal, log });
    stopping.abort();
    await seeToVote(joiner, { ...votes, id: 9n }, { stopping: stopping.signal, log });
    expect(lines).to.have.length(1);
    await group.stop();
  });

  it('asks again if that failed, until it was removed, or is asked to stop', async () => {
    const stopping = new AbortController();
    const answers: unknown[] = [new Error('no leader'), new MembershipError('id-used', 'it was removed')];
    let asked = 0;
    const replica = {
      watch: (_kind: string, listener: (members: object[]) => void) => {
        listener([{ ...votes, role: 'learner' }]);
        return () => {};
      },
      addMember: () => {
        asked++;
        return Promise.reject(answers.shift());
      },
    };
    const see = (): Promise<void> => seeToVote(replica as never, votes, { stopping: stopping.signal, log, pauseMs: 1 });
    await see();
    expect(asked).to.equal(2);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('does not vote yet: no leader. It asks again in 1 ms');
    answers.push(new Error('no leader'));
    log.warn = (text) => {
      setImmediate(() => stopping.abort());
      return lines.push(text);
    };
    await seeToVote(replica as never, votes, { stopping: stopping.signal, log, pauseMs: 60_000 });
    expect(asked).to.equal(3);
  });
});

describe('the store: the token of clients', () => {
  let store: KvCluster;
  const token = 'a-token-of-clients';
  before(async () => {
    store = await kvCluster(1, { token });
  });
  after(() => store.stop());

  it('is wanted everywhere but where supervisors look', async () => {
    const [port] = store.ports as [number];
    const paths = ['/kv/k', '/kv', '/status', '/digest', '/members', '/metrics', '/explain', '/watch', '/snapshot'];
    for (const path of paths) {
      const answer = await ask(port, 'GET', path);
      expect([answer.status, answer.headers['www-authenticate']], path).to.deep.equal([401, 'Bearer']);
      expect(JSON.parse(answer.text)).to.include({ code: 'ERR_KV_TOKEN', retry: 'no' });
    }
    expect((await ask(port, 'PUT', '/kv/k', { body: 'v' })).status).to.equal(401);
    expect((await ask(port, 'POST', '/members', { body: '{}' })).status).to.equal(401);
    expect((await ask(port, 'DELETE', '/members/1')).status).to.equal(401);
    expect((await ask(port, 'GET', '/healthz')).status).to.equal(200);
    expect((await ask(port, 'GET', '/readyz')).status).to.equal(200);
    for (const wrong of ['Bearer', `Bearer ${token}x`, `Basic ${token}`, `Bearer ${token.slice(1)}`, token]) {
      const answer = await ask(port, 'GET', '/status', { headers: { Authorization: wrong } });
      expect(answer.status, wrong).to.equal(401);
    }
    for (const right of [`Bearer ${token}`, `bearer ${token}`]) {
      expect((await ask(port, 'GET', '/status', { headers: { Authorization: right } })).status).to.equal(200);
    }
    expect(
      (await ask(port, 'PUT', '/kv/k', { body: 'v', headers: { Authorization: `Bearer ${token}` } })).status,
    ).to.equal(200);
  });

  it('stands in a file of one line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-token-'));
    try {
      const file = join(folder, 'token');
      writeFileSync(file, `${token}\n`);
      expect(await readToken(file)).to.equal(token);
      for (const text of ['', 'short', 'two words of it here', 'é'.repeat(20), 'x'.repeat(1025)]) {
        writeFileSync(file, text);
        const error = await readToken(file).catch((thrown: unknown) => thrown);
        expect(error, text).to.include({ exitCode: 2 });
      }
      expect(await readToken(join(folder, 'none')).catch((thrown: unknown) => thrown)).to.include({ exitCode: 2 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
