/** Replicas under random faults, seed after seed, for as long as asked for. */
import { parseArgs } from 'node:util';
import { ChaosWorld } from './world.js';

const usage = `usage: npm run chaos:replica -- [--minutes N] [--seed N] [--members N] [--rounds N]

  Replicas in one process, over virtual time, with DurableStorage on simulated disks: messages are lost, delayed,
  repeated and overtaken, links cut one way, members frozen and their power cut. After each round all faults end, and
  everything that must hold is checked.

  --minutes N  how long, in real time (default 1)
  --seed N     the first seed (default: a new one, printed); the next one follows after a few rounds
  --members N  three, five, or both in turn (default)
  --rounds N   rounds of one seed (default 10)`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    members: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});

process.on('unhandledRejection', (error) => {
  console.error('NC: nobody handled this rejection:', error);
  process.exit(1);
});

async function main(): Promise<void> {
  const until = performance.now() + Number(values.minutes) * 60_000;
  const rounds = Number(values.rounds);
  let seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  let calls = 0;
  let worlds = 0;
  do {
    const members = values.members === undefined ? 3 + 2 * (seed % 2) : Number(values.members);
    const world = new ChaosWorld({ seed, members });
    await world.start();
    for (let round = 1; round <= rounds && world.isSound; round++) await world.round();
    const faults = world.verdict();
    if (faults.length > 0) {
      for (const fault of faults) console.error(fault);
      console.error(`\nseed ${seed}, ${members} members: ${world.summary()}`);
      console.error(
        `again: npm run chaos:replica -- --seed ${seed} --members ${members} --rounds ${rounds} --minutes 0`,
      );
      process.exit(1);
    }
    console.log(`seed ${seed}, ${members} members: ${world.summary()}`);
    calls += world.operations.length;
    worlds++;
    seed++;
  } while (performance.now() < until);
  console.log(`${worlds} seeds, ${calls} calls: nothing is wrong`);
  // Members of the past still have timers of virtual time only.
  process.exit(0);
}

if (values.help) console.log(usage);
else await main();
