import { formatPeers } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { freePeers, type Program, Programs } from './processes.js';

describe('one worker among three processes', function workers() {
  const programs = new Programs();
  after(() => programs.endAll());

  const lastOf = (worker: Program, pattern: RegExp): number =>
    Math.max(0, ...worker.lines.map((line) => Number(pattern.exec(line)?.[1] ?? 0)));

  it('runs the jobs; when it is killed another goes on, with a higher fence and the next job', async () => {
    const peers = formatPeers(await freePeers(3));
    const all = [1, 2, 3].map((id) => programs.start('workers.js', ['--id', String(id), '--peers', peers]));
    await Promise.race(all.map((worker) => worker.sees(/ran job 2$/u)));
    const first = all.reduce((best, one) =>
      lastOf(one, /ran job (\d+)$/u) > lastOf(best, /ran job (\d+)$/u) ? one : best,
    );
    await first.kill('SIGKILL');
    const fence = lastOf(first, /leads, with fence (\d+)$/u);
    const jobs = lastOf(first, /ran job (\d+)$/u);
    const others = all.filter((worker) => worker !== first);
    const next = await Promise.race(
      others.map(async (worker) => {
        await worker.sees(new RegExp(`ran job (${jobs + 1}|${jobs + 2})$`, 'u'));
        return worker;
      }),
    );
    expect(lastOf(next, /leads, with fence (\d+)$/u)).to.be.above(fence);
    for (const worker of others) expect(await worker.kill('SIGTERM')).to.deep.equal({ code: 0, signal: null });
  });
});
