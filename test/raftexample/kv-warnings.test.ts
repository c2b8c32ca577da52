import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseKvFlags, type WarnLimits, Watches, type WatchesHost } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { Authority } from '../rafthttp/certificates.js';
import { scratchFolder, stopAll } from '../rafthttp/members.js';
import { VirtualTime } from '../replica/virtual.js';

const GIB = 2 ** 30;
const MINUTE = 60_000;
const DAY = 86_400_000;
const limits: WarnLimits = { diskBytes: GIB, syncMs: 500, lateMs: 500, certificateDays: 14 };

describe('the store: a member warns before it fails', () => {
  const time = new VirtualTime();
  const lines: string[] = [];
  let registry: Registry;
  let watches: Watches;
  /** By how much the clock is ahead of the timers. */
  let skew = 0;

  const begin = async (host: Partial<WatchesHost>): Promise<void> => {
    lines.length = 0;
    skew = 0;
    registry = new Registry();
    watches = new Watches({
      limits,
      data: 'data',
      tls: [undefined, undefined],
      log: { info: (text) => lines.push(`info: ${text}`), warn: (text) => lines.push(`warn: ${text}`) },
      registry,
      clock: {
        monotonic: () => time.monotonic() + skew,
        wall: () => time.wall(),
        after: (ms, call) => time.after(ms, call),
        soon: (call) => time.soon(call),
      },
      statfs: () => Promise.resolve({ bsize: 4096, blocks: 2 ** 20, bavail: 2 ** 19 }),
      ...host,
    });
    await watches.start();
  };
  afterEach(() => watches.stop());
  after(stopAll);

  const told = (): string[] => lines.splice(0);
  const metric = async (name: string): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
  const alarms = async (): Promise<readonly string[]> =>
    (await metric('raft_store_alarm{')).filter((line) => line.endsWith(' 1'));

  it('of a disk that has little room, and says when there is more again', async () => {
    let bavail = GIB / 4096;
    await begin({ statfs: () => Promise.resolve({ bsize: 4096, blocks: 2 ** 20, bavail }) });
    expect(told()).to.deep.equal([]);
    expect(watches.room).to.deep.equal({ free: GIB, size: 4 * GIB });
    bavail -= 1;
    await time.advance(10_000);
    const text =
      'the disk of data has 1023 MiB left, less than the 1024 MiB of --warn-disk: a member that cannot write its log ends. Make room there, or give it a larger disk';
    expect(told()).to.deep.equal([`warn: ${text}`]);
    expect(watches.warnings).to.deep.equal([{ kind: 'disk', text }]);
    expect(await alarms()).to.deep.equal(['raft_store_alarm{kind="disk"} 1']);
    expect(await metric('raft_store_disk')).to.deep.equal([
      `raft_store_disk_free_bytes ${GIB - 4096}`,
      `raft_store_disk_size_bytes ${4 * GIB}`,
    ]);
    // While it lasts it is told every ten minutes.
    await time.advance(10 * MINUTE - 10_000);
    expect(told()).to.deep.equal([]);
    await time.advance(10_000);
    expect(told()).to.deep.equal([`warn: ${text}`]);
    // A little more is not enough.
    bavail = GIB / 4096 + 1;
    await time.advance(10_000);
    expect([told(), watches.warnings.length]).to.deep.equal([[], 1]);
    bavail *= 2;
    await time.advance(10_000);
    expect(told()).to.deep.equal(['info: the disk of data has 2048 MiB left: enough again']);
    expect([await alarms(), watches.warnings]).to.deep.equal([[], []]);
  });

  it('no more than once a minute of what comes and goes', async () => {
    let bavail = 0;
    await begin({
      statfs: () => Promise.resolve({ bsize: 4096, blocks: 2 ** 20, bavail: (bavail = 2 ** 20 - bavail) }),
    });
    await time.advance(5 * MINUTE);
    const all = told();
    expect(all.filter((line) => line.startsWith('warn:')).length).to.be.within(4, 6);
    expect(all.filter((line) => line.startsWith('info:')).length).to.be.within(4, 6);
  });

  it('of nothing that it cannot see', async () => {
    await begin({
      statfs: () => Promise.reject(new Error('no such thing')),
      tls: [{ certFile: '/none', keyFile: '/none' }],
    });
    await time.advance(MINUTE);
    expect([told(), watches.room, watches.warnings]).to.deep.equal([[], undefined, []]);
    expect(await metric('raft_store_disk_free_bytes')).to.deep.equal(['raft_store_disk_free_bytes Nan']);
    expect(await metric('raft_store_certificate')).to.deep.equal([]);
  });

  it('of writes of the log that take long to be durable', async () => {
    await begin({});
    const measured: string[] = [];
    const metrics = watches.watching({
      observeSync: (seconds) => void measured.push(`sync ${seconds}`),
      observeWrite: (seconds, bytes) => void measured.push(`write ${seconds} ${bytes}`),
    });
    metrics.observeWrite(3, 4);
    metrics.observeSync(0.5);
    expect(told()).to.deep.equal([]);
    metrics.observeSync(0.6);
    expect(measured).to.deep.equal(['write 3 4', 'sync 0.5', 'sync 0.6']);
    expect(told()).to.deep.equal([
      'warn: the disk of data took longer than the 500 ms of --warn-sync once, up to 600 ms, to make a write of the log durable: whoever writes waits for it, and a leader may lose its place. Give the log a faster disk, or one that nobody else uses',
    ]);
    for (let i = 0; i < 6 * 9; i++) {
      metrics.observeSync(0.7);
      await time.advance(10_000);
    }
    expect(told()).to.deep.equal([]);
    expect(watches.warnings[0]?.text).to.include(' 55 times, up to 700 ms, ');
    expect(await alarms()).to.deep.equal(['raft_store_alarm{kind="sync"} 1']);
    await time.advance(MINUTE);
    expect(told()).to.deep.equal(['info: the disk of data makes writes of the log durable in time again']);
    expect(watches.warnings).to.deep.equal([]);
    metrics.observeSync(0.8);
    expect(told()[0]).to.include(' once, up to 800 ms, ');
    expect(await metric('raft_store_slow_syncs_total')).to.deep.equal(['raft_store_slow_syncs_total 56']);
  });

  it('of an event loop that is late', async () => {
    await begin({});
    await time.advance(1000);
    skew = 500;
    await time.advance(200);
    expect(told()).to.deep.equal([]);
    skew += 501;
    await time.advance(200);
    expect(told()).to.deep.equal([
      'warn: the event loop was late by more than the 500 ms of --warn-late once, by up to 501 ms: nothing was answered meanwhile, and a leader may lose its place. Look for what takes the processor from this process, give it more of the machine, or send it less',
    ]);
    expect(watches.warnings.map(({ kind }) => kind)).to.deep.equal(['loop']);
    expect(await metric('raft_store_loop_late_seconds_bucket{le="1"}')).to.deep.equal([
      'raft_store_loop_late_seconds_bucket{le="1"} 7',
    ]);
    expect(await metric('raft_store_loop_late_seconds_bucket{le="0.3"}')).to.deep.equal([
      'raft_store_loop_late_seconds_bucket{le="0.3"} 5',
    ]);
    await time.advance(MINUTE + 10_000);
    expect(told()).to.deep.equal(['info: the event loop is on time again']);
  });

  it('of certificates that expire, the first of a chain and the last of the CAs', async () => {
    const folder = scratchFolder();
    const authority = new Authority(folder);
    const hosts = ['127.0.0.1'];
    const old = authority.issue('old', { cn: 'old', hosts, to: 15 });
    const fresh = authority.issue('new', { cn: 'new', hosts, to: 400 });
    const chain = join(folder, 'chain.crt');
    writeFileSync(chain, readFileSync(fresh.certFile, 'utf8') + readFileSync(old.certFile, 'utf8'));
    const cas = join(folder, 'cas.pem');
    writeFileSync(cas, readFileSync(old.certFile, 'utf8') + readFileSync(fresh.certFile, 'utf8'));
    let now = Date.now();
    let renewed = false;
    const clock = {
      monotonic: () => time.monotonic(),
      wall: () => now,
      after: (ms: number, call: () => void) => time.after(ms, call),
      soon: (call: () => void) => time.soon(call),
    };
    await begin({
      clock,
      tls: [{ certFile: chain, keyFile: '', trustedCaFile: cas }, fresh, undefined],
      readFile: (path) => Promise.resolve(readFileSync(path === chain && renewed ? fresh.certFile : path)),
    });
    expect(told()).to.deep.equal([]);
    const expires = await metric('raft_store_certificate_expires_timestamp_seconds');
    expect(expires.map((line) => /file="([^"]*)"/u.exec(line)?.[1])).to.deep.equal([chain, cas, fresh.certFile]);
    now += 1.5 * DAY;
    await time.advance(60_000);
    const text = watches.warnings[0]?.text;
    expect(told()).to.deep.equal([`warn: ${text}`]);
    expect(text).to.match(
      /^the certificate in \S+chain\.crt expires in 13 days, at \S+Z: from then on connections are refused because of it\. Put a new one in its place: it takes effect with the next connection$/u,
    );
    now += 12.6 * DAY;
    await time.advance(600_000);
    expect(told()[0]).to.include(' expires in less than a day, at ');
    now += DAY;
    await time.advance(600_000);
    expect(told()[0]).to.match(/chain\.crt has expired at \S+Z: connections are refused because of it\. /u);
    renewed = true;
    // Whoever has put a new one there looks at once whether all is well.
    await time.advance(60_000);
    expect(told()).to.deep.equal(['info: no certificate expires soon any more']);
  });

  it('of nothing, if it is told so', async () => {
    await begin({
      limits: { diskBytes: 0, syncMs: 0, lateMs: 0, certificateDays: 0 },
      statfs: () => Promise.resolve({ bsize: 1, blocks: 1, bavail: 0 }),
    });
    watches.watching({ observeSync() {}, observeWrite() {} }).observeSync(99);
    skew = 9999;
    await time.advance(MINUTE);
    expect([told(), watches.warnings]).to.deep.equal([[], []]);
  });

  it('from where on is said by flags', () => {
    const warn = (...argv: string[]): unknown => {
      const command = parseKvFlags(argv);
      return command.kind === 'run' ? command.options.warn : command.kind === 'refuse' ? command.reason : command.kind;
    };
    expect(warn()).to.deep.equal(limits);
    expect(warn('--warn-disk', '5', '--warn-sync', '2s', '--warn-late', '0', '--warn-cert', '30')).to.deep.equal({
      diskBytes: 5,
      syncMs: 2000,
      lateMs: 0,
      certificateDays: 30,
    });
    expect(warn('--warn-disk', '1GiB')).to.match(/^--warn-disk wants a whole number/u);
    expect(warn('--warn-sync', '5')).to.match(/^--warn-sync wants a time/u);
    expect(warn('--warn-cert', '-1')).to.match(/warn-cert/u);
  });
});
