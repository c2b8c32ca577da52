/**
 * Runs five members of the store as processes under faults drawn from a seed, with clients that record every call and
 * answer, and judges whether one order explains all of it.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judge, type Operation } from '@raft-ts/sim/internal';
import { isRouter, obstacle, runAsRouter } from './hosts.js';
import { runChaos } from './run.js';

const usage = `usage: npm run chaos -- [--minutes N] [--seed N] [--clients N] [--hosts] | --judge FILE

  --minutes N  how long to disturb the cluster (default 1)
  --seed N     draws the faults and the settings of the members (default: a new one, printed)
  --clients N  how many clients call at once (default 24)
  --hosts      members are hosts in network namespaces, and a router between them drops and delays (Linux, root)
  --judge FILE judges the history that a run with findings left behind again`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    clients: { type: 'string', default: '24' },
    hosts: { type: 'boolean', default: false },
    judge: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, seed, clients] = [Number(values.minutes), Number(values.seed), Number(values.clients)];
if (values.help || !(minutes > 0 && seed >= 0 && clients >= 1)) {
  console.error(usage);
  process.exitCode = values.help ? 0 : 2;
} else if (values.judge !== undefined) {
  const { findings, keys, steps } = judge(historyIn(values.judge));
  for (const finding of findings) console.error(`FOUND: ${finding}`);
  console.log(`${findings.length} findings; searched ${keys} keys in ${steps} steps`);
  process.exitCode = findings.length === 0 ? 0 : 1;
} else if (values.hosts && !isRouter()) {
  const why = obstacle();
  if (why === undefined) process.exitCode = runAsRouter();
  else console.log(`skipped: no hosts, because ${why}`);
} else {
  const again = `npm run chaos -- --minutes ${minutes} --seed ${seed} --clients ${clients}${values.hosts ? ' --hosts' : ''}`;
  console.log(`seed ${seed}; again: ${again}`);
  const began = performance.now();
  const tell = (text: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);
  const { findings, summary } = await runChaos({ seed, minutes, faults: 0, clients, hosts: values.hosts, tell });
  console.log(summary);
  for (const finding of findings) console.error(`FOUND: ${finding}`);
  console.log(`${findings.length} findings with seed ${seed}; again: ${again}`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

/** One operation a line; JSON has no infinity. */
function historyIn(file: string): Operation[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const operation = JSON.parse(line) as Operation;
    operation.ended ??= Number.POSITIVE_INFINITY;
    return operation;
  });
}
