import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MessageType } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import {
  append,
  eventually,
  type Member,
  message,
  scratchFolder,
  startCluster,
  stopAll,
  stopLater,
} from './members.js';

/** Files that a process may hold open here. */
function descriptors(): number {
  const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined ? 1024 : Number(soft);
}

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

describe('slow connections', () => {
  afterEach(stopAll);

  it('as many as descriptors allow leave a healthy peer its speed', async function slow() {
    this.timeout(90_000);
    if (process.platform !== 'linux') {
      console.log('      skipped: how many files a process may open is only known on Linux');
      return this.skip();
    }
    const [a, b] = (await startCluster(2, { snapshots: new SnapshotFolder(scratchFolder()) })) as [Member, Member];
    await medianOf(a, b, 500);
    const before = await medianOf(a, b, 500);

    const count = Math.min(10_000, descriptors() - 1000);
    const program = fileURLToPath(new URL('slow-attacker.js', import.meta.url));
    const attacker = spawn(process.execPath, [program, String(a.listener.address.port), String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    stopLater({
      stop: async () => {
        if (attacker.exitCode !== null) return;
        attacker.kill('SIGKILL');
        await once(attacker, 'exit');
      },
    });
    const [open] = (await once(createInterface(attacker.stdout), 'line')) as [string];
    // The machine is shared: the least disturbed of several runs tells what the attack costs.
    const under: number[] = [];
    for (let run = 0; run < 8; run++) under.push(await medianOf(a, b, 200));
    console.log(
      `      ${count} slow connections were tried, ${open} were open at once: ` +
        `median ${before.toFixed(2)} ms before, ${Math.min(...under).toFixed(2)} ms under attack`,
    );
    expect(Math.min(...under)).to.be.at.most(3 * before);
    expect(a.transport.activePeers()).to.equal(1);
    expect(a.receiver.log.filter((line) => line.includes('became inactive'))).to.deep.equal([]);
    await eventually('what they sent was given up', () =>
      a.receiver.processed.every(({ type }) => type === MessageType.MsgAppResp),
    );
  });
});
