import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageType } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import {
  append,
  eventually,
  type Member,
  message,
  openStreams,
  scratchFolder,
  startCluster,
  startMember,
  stopAll,
  stopLater,
} from './members.js';

/** Files that a process may hold open here. */
function descriptors(): number {
  const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined ? 1024 : Number(soft);
}

/** The state of such a connection in the system's table. */
const ESTABLISHED = '01';

/** Connections that the system holds, established, for a program that has not accepted them yet; node's default. */
const BACKLOG = 512;

/** Median round trip of an append and its answer, in milliseconds. */
async function medianOf(a: Member, b: Member, count: number): Promise<number> {
  const times: number[] = [];
  b.receiver.onProcess = ({ index }) => b.transport.send([message(MessageType.MsgAppResp, 2n, 1n, { index })]);
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const answered = new Promise<void>((resolve) => {
      a.receiver.onProcess = ({ index }) => {
        if (index === i) resolve();
      };
    });
    a.transport.send([append(1n, 2n, i)]);
    await answered;
    times.push(performance.now() - began);
  }
  times.sort((x, y) => x - y);
  return times[count >> 1] as number;
}

/** Connections that stand at this port of ours, as the system counts them. */
function standingAt(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/u))
    .filter(([, address, , state]) => address === local && state === ESTABLISHED).length;
}

/** Over a few seconds: the machine is shared, so the least disturbed of several runs tells what an attack costs. */
async function observe(a: Member, b: Member): Promise<{ median: number; standing: number }> {
  let median = Infinity;
  let standing = 0;
  for (let run = 0; run < 8; run++) {
    median = Math.min(median, await medianOf(a, b, 200));
    standing = Math.max(standing, standingAt(a.listener.address.port));
    await sleep(500);
  }
  return { median, standing };
}

async function startAttack(port: number, count: number, againMs: number): Promise<void> {
  const program = fileURLToPath(new URL('slow-attacker.js', import.meta.url));
  const attacker = spawn(process.execPath, [program, String(port), String(count), String(againMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stopLater({
    stop: async () => {
      if (attacker.exitCode !== null) return;
      attacker.kill('SIGKILL');
      await once(attacker, 'exit');
    },
  });
  await once(createInterface(attacker.stdout), 'line');
}

/** The healthy pair keeps its speed under attack, and a peer that did not know us before gets through. */
async function withstand(maxConnections: number, againMs: number): Promise<{ tried: number; standing: number }> {
  const options = { snapshots: new SnapshotFolder(scratchFolder()), maxConnections, timings: {} };
  const [a, b] = (await startCluster(2, options)) as [Member, Member];
  await medianOf(a, b, 500);
  const { median: before } = await observe(a, b);
  const tried = Math.min(10_000, descriptors() - 1000);
  await startAttack(a.listener.address.port, tried, againMs);
  const { median: under, standing } = await observe(a, b);

  const began = performance.now();
  const c = await startMember(3n);
  c.transport.addPeer(1n, [a.listener.url]);
  a.transport.addPeer(3n, [c.listener.url]);
  // The receiver of messages is who dials: the new one must get through to the attacked one.
  await eventually('the new peer has opened its streams', () => openStreams(a) === 4);
  a.transport.send([append(1n, 3n, 7)]);
  await eventually('what is sent to the new peer arrives', () => c.receiver.processed.length === 1);
  const joined = performance.now() - began;
  console.log(
    `      ${tried} slow connections were tried, ${standing} stood at the member: median ${before.toFixed(2)} ms before, ` +
      `${under.toFixed(2)} ms under attack; a new peer got through after ${joined.toFixed(0)} ms`,
  );
  expect(under).to.be.at.most(3 * before);
  expect(a.transport.activePeers()).to.equal(2);
  expect(a.receiver.log.filter((line) => line.includes('became inactive'))).to.deep.equal([]);
  expect(a.receiver.processed.every(({ type }) => type === MessageType.MsgAppResp)).to.equal(true);
  return { tried, standing };
}

describe('slow connections', () => {
  before(function onLinux() {
    if (process.platform === 'linux') return;
    console.log('      skipped: how many files a process may open is only known on Linux');
    this.skip();
  });
  afterEach(stopAll);

  it('as many as descriptors allow leave a healthy peer its speed, and let a new one in', async function slow() {
    this.timeout(90_000);
    const { tried, standing } = await withstand(20_000, 500);
    expect(standing).to.be.above(tried / 2);
  });

  it('the same where there are more of them than places', async function slow() {
    this.timeout(90_000);
    const { standing } = await withstand(1000, 5000);
    expect(standing).to.be.at.most(1000 + BACKLOG);
  });
});
