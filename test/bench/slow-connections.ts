/**
 * What connections that are hardly used cost a healthy pair of members: the median round trip of an append and its
 * answer, before and while a program holds as many of them open at one member as the limit of open files allows, and
 * where they are more than its places. The least disturbed of eight runs each counts, because machines are shared.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageType } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
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
} from '../rafthttp/members.js';

interface Attack {
  readonly name: string;
  readonly maxConnections: number;
  /** How long a body may drip. */
  readonly readTimeoutMs: number;
  /** When one whose connection was closed comes back. */
  readonly againMs: number;
}

/** Files that a process may hold open here. */
function descriptors(): number {
  const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined ? 1024 : Number(soft);
}

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

async function leastOf(a: Member, b: Member): Promise<number> {
  let least = Infinity;
  for (let run = 0; run < 8; run++) {
    least = Math.min(least, await medianOf(a, b, 200));
    await sleep(500);
  }
  return least;
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

/** Milliseconds until a peer that did not know the attacked member before gets through to it. */
async function timeToJoin(a: Member): Promise<number> {
  const began = performance.now();
  const c = await startMember(3n);
  c.transport.addPeer(1n, [a.listener.url]);
  a.transport.addPeer(3n, [c.listener.url]);
  await eventually('the new peer has opened its streams', () => openStreams(a) === 4);
  return performance.now() - began;
}

const attacks: readonly Attack[] = [
  { name: 'as many as open files allow', maxConnections: 20_000, readTimeoutMs: 600_000, againMs: 500 },
  { name: 'more than places', maxConnections: 1000, readTimeoutMs: 5000, againMs: 5000 },
];
console.log(
  '| hardly used connections | number | ms before | ms meanwhile | meanwhile ÷ before | ms for another member to join |',
);
console.log('|---|--:|--:|--:|--:|--:|');
for (const { name, maxConnections, readTimeoutMs, againMs } of attacks) {
  const snapshots = new SnapshotFolder(scratchFolder());
  const [a, b] = (await startCluster(2, { snapshots, maxConnections, timings: { readTimeoutMs } })) as [Member, Member];
  await medianOf(a, b, 500);
  const before = await leastOf(a, b);
  const connections = Math.min(10_000, descriptors() - 1000);
  await startAttack(a.listener.address.port, connections, againMs);
  const under = await leastOf(a, b);
  const join = await timeToJoin(a);
  const figures = [before.toFixed(3), under.toFixed(3), `**${(under / before).toFixed(2)}**`, join.toFixed(0)];
  console.log(`| ${[name, connections, ...figures].join(' | ')} |`);
  await stopAll();
}
