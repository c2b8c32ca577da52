import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryStorage, silentLogger } from '@raft-ts/raft';
import { CommandError, openStorage, raftConfig, runMember } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { freePort } from '../rafthttp/members.js';
import { VirtualTimers } from '../rafthttp/virtual-timers.js';

const timers = new VirtualTimers();

type Logger = Parameters<typeof runMember>[2];

function logTo(lines: string[]): Logger {
  const add = (text: string): void => void lines.push(text);
  return {
    debug: add,
    info: add,
    warn: add,
    error: add,
    verbose: add,
    isDebugEnabled: () => false,
  } as unknown as Logger;
}

/** Can somebody else listen there? */
function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

describe('one member', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'raft-ts-member-'));
    timers.install();
  });
  afterEach(() => {
    timers.uninstall();
    rmSync(dir, { recursive: true, force: true });
  });

  it('elects itself by its ticks, keeps its log, and leaves nothing when it is stopped', async () => {
    const address = { host: '127.0.0.1', port: await freePort() };
    const options = {
      id: 1n,
      peers: [{ id: 1n, ...address }],
      listen: address,
      tickMs: 100,
      hello: undefined,
      data: join(dir, 'member-1'),
      snapshotEvery: 100,
      preVote: true,
      checkQuorum: true,
      tls: undefined,
      dial: new Map(),
      insecure: false,
      verbose: false,
    };
    const lines: string[] = [];
    const stopping = new AbortController();
    const ended = runMember(options, stopping.signal, logTo(lines));
    const shown = async (text: string, pass = 0): Promise<boolean> => {
      for (let i = 0; i < 500 && !lines.some((line) => line.includes(text)); i++) {
        await sleep(2);
        if (pass > 0) timers.advance(pass);
      }
      return lines.some((line) => line.includes(text));
    };
    expect(await shown('listens on')).to.equal(true);
    expect(lines.some((line) => line.includes('became leader'))).to.equal(false);
    expect(await shown('kind=empty', 100)).to.equal(true);
    const inUse = await openStorage(options.data, { id: 1n, clusterId: 0x1000n, founders: [1n] }, logTo([])).catch(
      (error: unknown) => error,
    );
    expect(inUse).to.be.instanceOf(CommandError).and.include({ exitCode: 2 });
    stopping.abort();
    expect(await ended).to.equal(0);
    expect(timers.pending).to.equal(0);
    expect(await isFree(address.port)).to.equal(true);
    const storage = await openStorage(options.data, { id: 1n, clusterId: 0x1000n, founders: [1n] }, logTo([]));
    expect(storage.isNew).to.equal(false);
    expect(storage.raft.initialState().hardState?.term).to.be.at.least(1);
    await storage.close();
  });

  it('that is stopped before it began ends at once', async () => {
    const address = { host: '127.0.0.1', port: await freePort() };
    const stopping = new AbortController();
    stopping.abort();
    const options = {
      id: 1n,
      peers: [{ id: 1n, ...address }],
      listen: address,
      tickMs: 100,
      hello: { afterMs: 0, everyMs: 1 },
      data: undefined,
      snapshotEvery: 100,
      preVote: true,
      checkQuorum: true,
      tls: undefined,
      dial: new Map(),
      insecure: false,
      verbose: false,
    };
    let code: number | undefined;
    const run = async (): Promise<void> => {
      code = await runMember(options, stopping.signal, logTo([]));
    };
    void run();
    for (let i = 0; i < 1000 && code === undefined; i++) await sleep(2);
    expect(code).to.equal(0);
    expect(timers.pending).to.equal(0);
  });
});

describe('the configuration of a member', () => {
  it('has its flags, and bounds every queue', () => {
    const storage = new MemoryStorage();
    for (const flag of [true, false]) {
      const config = raftConfig({ id: 1n, storage, logger: silentLogger, preVote: flag, checkQuorum: !flag });
      expect(config).to.include({ preVote: flag, checkQuorum: !flag, electionTick: 10, heartbeatTick: 1 });
      const { maxSizePerMsg, maxInflightMsgs, maxInflightBytes, maxUncommittedEntriesSize, maxCommittedSizePerReady } =
        config;
      const limits = [maxSizePerMsg, maxInflightBytes, maxUncommittedEntriesSize, maxCommittedSizePerReady];
      for (const limit of limits) expect(limit).to.be.within(1 << 20, 64 << 20);
      expect(maxInflightMsgs).to.be.within(16, 1024);
    }
  });
});
