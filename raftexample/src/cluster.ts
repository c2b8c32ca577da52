import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { printableLine } from '@raft-ts/proto';
import type { NodeId } from '@raft-ts/raft';
import { type ClusterOptions, parseClusterFlags } from './cluster-flags.js';
import { ExitCode } from './exit-codes.js';
import { defaultData } from './flags.js';
import { linesOf } from './lines.js';
import { formatPeers } from './peers.js';
import { carryOut, LINE_LENGTH } from './usage.js';

/** A member stops within a second; one that has not after this time is killed. */
const GRACE_MS = 2000;
/** Cyan, yellow, magenta, green, blue, and their bright forms from the sixth member on. */
const colours = [36, 33, 35, 32, 34, 96, 93, 95, 92];

type Member = ChildProcessByStdio<null, Readable, Readable>;

/** Runs the launcher: one process per member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('cluster', parseClusterFlags(argv), (options) => runCluster(options, stopping));
}

async function runCluster(options: ClusterOptions, stopping: AbortSignal): Promise<number> {
  if (stopping.aborted) return ExitCode.Done;
  const { peers } = options;
  const running = new Set<ChildProcess>();
  let killed = false;
  stopping.addEventListener('abort', () => {
    for (const child of running) child.kill('SIGTERM');
    setTimeout(() => {
      for (const child of running) killed = child.kill('SIGKILL') || killed;
    }, GRACE_MS).unref();
  });

  say(`members ${peers.map((peer) => peer.id).join(', ')}; Ctrl-C stops all of them`);
  await Promise.all(
    peers.map(async ({ id }, i) => {
      const child = startMember(id, options);
      running.add(child);
      say(`member ${id} is process ${child.pid}`);
      const output = [child.stdout, child.stderr].map((stream) =>
        relay(stream, `[${id}] `, colours[i % colours.length]),
      );
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      running.delete(child);
      await Promise.all(output);
      if (stopping.aborted) return;
      const cause = signal === null ? `ended by itself with exit code ${code}` : `was ended by ${signal}`;
      say(`member ${id} ${cause}; ${running.size === 0 ? 'none is left' : `${running.size} still running`}`);
    }),
  );
  if (!stopping.aborted) return ExitCode.Failed;
  say(killed ? 'stopped; some members had to be killed' : 'all members stopped');
  return killed ? ExitCode.Failed : ExitCode.Done;
}

/** Starts a member with a channel that is never used: the member ends when it closes, however this process ends. */
function startMember(id: NodeId, { peers, data, memberFlags }: ClusterOptions): Member {
  const program = fileURLToPath(new URL('../bin/raftexample.js', import.meta.url));
  const log = data === undefined ? ['--memory'] : ['--data', defaultData(data, id)];
  const args = [program, '--id', String(id), '--peers', formatPeers(peers), ...log, ...memberFlags];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }) as Member;
}

/**
 * Prints what a member prints, line by line. A member starts its own lines with its prefix and bounds them; a crash of
 * node, or anything else that writes there, does not.
 */
async function relay(stream: Readable, prefix: string, colour: number | undefined): Promise<void> {
  const painted = process.stdout.isTTY && !process.env['NO_COLOR'];
  for await (const line of linesOf(stream, 2 * LINE_LENGTH)) {
    const text = printableLine(line.startsWith(prefix) ? line : prefix + line);
    process.stdout.write(painted ? `\u001B[${colour}m${text}\u001B[39m\n` : `${text}\n`);
  }
}

function say(text: string): void {
  process.stdout.write(`[cluster] ${text}\n`);
}
