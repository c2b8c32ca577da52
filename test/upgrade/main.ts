/**
 * Upgrades a cluster from the version of another commit to this one, member by member, while clients write: none of
 * their requests may fail, and everything that was acknowledged must be there.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Programs } from '../raftexample/processes.js';
import { Load, StoreProcesses } from '../raftexample/store-processes.js';
import { build, commitOf } from './checkout.js';

const usage = `usage: npm run upgrade -- [--from REF] [--members N]

  --from REF   the version to begin with: a commit, tag or branch (default: the last tag, or the commit before this)
  --members N  how many members (default 3)`;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    members: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
const count = Number(values.members);

if (values.help || !(count >= 2 && count <= 9)) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const found = await commitOf(values.from);
  switch (found.kind) {
    case 'commit':
      await inFolder((folder) => upgrade(found.commit, folder));
      break;
    case 'not-here':
      console.log(`skipped: ${found.why}`);
      break;
    case 'unknown':
      console.error(found.why);
      process.exitCode = 2;
  }
}

async function inFolder(work: (folder: string) => Promise<readonly string[]>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-ts-upgrade-'));
  try {
    const findings = await work(folder);
    for (const finding of findings) console.error(`FOUND: ${finding}`);
    process.exitCode = findings.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves to what went wrong. */
async function upgrade(commit: string, folder: string): Promise<readonly string[]> {
  const began = performance.now();
  const tell = (text: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);
  tell(`builds ${commit}`);
  const former = await build(commit, folder);
  const programs = new Programs();
  let load: Load | undefined;
  try {
    const members = await StoreProcesses.start(programs, { founders: count, program: former });
    load = new Load(members.client(members.founders));
    await load.more(200);
    tell(`${count} members of it serve`);
    const change = async (id: number, program: string | undefined): Promise<void> => {
      const had = load?.count ?? 0;
      await members.stop(id);
      members.launchAs(program, id);
      await members.ready([id]);
      await load?.more(100);
      const acknowledged = (load?.count ?? 0) - had;
      tell(
        `member ${id} has ${program === undefined ? 'this' : 'the former'} version; ${acknowledged} writes meanwhile`,
      );
    };
    const leader = await members.leader();
    const order = [...members.founders.filter((id) => id !== leader), leader];
    // As long as one member has the former version, the others may go back to it.
    const [first] = order as [number];
    await change(first, undefined);
    await change(first, former);
    for (const id of order) await change(id, undefined);
    await load.stop();
    const findings = [
      ...load.failures.map((failure) => `a request failed: ${failure}`),
      ...(await missing(members, load)),
    ];
    tell(`${load.count} writes were acknowledged, ${load.failures.length} failed, ${findings.length} findings`);
    return findings;
  } finally {
    await load?.abandon();
    await programs.endAll();
  }
}

async function missing(members: StoreProcesses, { acknowledged }: Load): Promise<readonly string[]> {
  await using client = members.client(members.founders);
  const findings: string[] = [];
  for (const [key, { value, index }] of acknowledged) {
    const item = await client.get(key);
    if (item?.value !== value || item.index !== index)
      findings.push(`${key} was acknowledged as ${value} at ${index}, and is ${JSON.stringify(item)}`);
  }
  return findings;
}
