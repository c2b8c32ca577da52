import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Programs } from './processes.js';

/** A launcher whose members end by themselves; the first one is started again as soon as somebody hears of its end. */
const LAUNCHER = `
  import { launch, Steering } from ${JSON.stringify(import.meta.resolve('@raft-ts/raftexample/internal'))};
  const stopping = new AbortController();
  const steering = new Steering();
  let begun = 0;
  steering.began = (id, child) => {
    if (++begun === 2) stopping.abort();
    Steering.prototype.began.call(steering, id, child);
  };
  steering.changed = () => {
    if (steering.stateOf(1n) === 'ended') steering.start(1n);
  };
  const members = [{ id: 1n, args: ['--version'] }];
  process.exitCode = await launch({ name: 'test', members, steering }, stopping.signal);
`;

describe('raftexample: a launcher that is steered', () => {
  const programs = new Programs();

  after(() => programs.endAll());

  it('starts a member again that somebody starts while the rest of its output is printed', async () => {
    const file = join(programs.folder, 'launcher.mjs');
    writeFileSync(file, LAUNCHER);
    const launcher = programs.start(file, []);
    await launcher.until(
      'the second process',
      () => launcher.lines.filter((line) => /is process/u.test(line)).length === 2,
    );
    await launcher.exit();
  });
});
