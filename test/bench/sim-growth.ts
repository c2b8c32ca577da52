/**
 * What an event of layer 1 costs as clusters and logs grow, rules included, in microseconds of processor time. Each
 * size in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawSettings, type Member, makeSnapshot, propose, World } from '@raft-ts/sim/internal';
import { collectGarbage, print } from './workload.js';

/** Measured events, after as many that let the optimizer see the code. */
const EVENTS = 200_000;
/** Milliseconds of virtual time between two proposals. */
const PAUSE_MS = 20;
/** A log is cut to its length after so many entries more. */
const SLACK = 1000;

/** A healthy cluster whose leader is given one entry after the other. */
class Load {
  readonly world: World;
  private readonly leader: Member;
  private readonly length: number;
  private cutAt: number;

  /** @param length entries that each log keeps */
  constructor(members: number, length: number) {
    this.length = length;
    this.world = new World(1, {
      ...drawSettings(1, members),
      electionTick: 10,
      heartbeatTick: 1,
      preVote: true,
      checkQuorum: true,
      disableProposalForwarding: false,
      storage: 'synchronous',
      sendsWhileWriting: false,
      durableState: true,
      bootstraps: false,
      maxSizePerMsg: 2 ** 20,
      maxInflightMsgs: 256,
      maxInflightBytes: 0,
      maxCommittedSizePerReady: 0,
      maxUncommittedEntriesSize: 0,
      writeMs: 0,
      snapshotEvery: 0,
    });
    const { world } = this;
    while (world.leader() === undefined) world.step(Number.POSITIVE_INFINITY);
    this.leader = world.leader() as Member;
    this.cutAt = length + SLACK;
  }

  private turn(count: number): void {
    const { world } = this;
    propose(world, this.leader, count, 16);
    const until = world.now + PAUSE_MS;
    while (world.step(until));
    if (world.rules.history.committed < this.cutAt) return;
    this.cutAt += SLACK;
    for (const member of world.members) makeSnapshot(world, member, this.length);
  }

  /** Lets the logs become as long as they are to be. */
  fill(): void {
    while (this.world.rules.history.committed < this.length) this.turn(200);
  }

  /** Lets so many events happen. Returns the microseconds of processor time of each, on average. */
  run(events: number): number {
    const { world } = this;
    const from = world.events;
    const began = process.cpuUsage();
    while (world.events < from + events) this.turn(1);
    const { user, system } = process.cpuUsage(began);
    return (user + system) / (world.events - from);
  }
}

function measure(members: number, entries: number): object {
  new Load(members, 1000).run(EVENTS);
  const load = new Load(members, entries);
  load.fill();
  load.run(EVENTS / 10);
  collectGarbage();
  return { members, entries, us_per_event: Math.round(1000 * load.run(EVENTS)) / 1000 };
}

const sizes = [
  ...[3, 5, 7, 15, 31, 51].map((members) => ({ members, entries: 1e3 })),
  ...[1e4, 1e5, 1e6].map((entries) => ({ members: 3, entries })),
];
const { values } = parseArgs({ options: { members: { type: 'string' }, entries: { type: 'string' } } });
if (values.members !== undefined) {
  print('sim-growth', [measure(Number(values.members), Number(values.entries))]);
} else {
  const results = sizes.map(({ members, entries }): object => {
    const flags = ['--members', `${members}`, '--entries', `${entries}`];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', fileURLToPath(import.meta.url), ...flags],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${flags.join(' ')}: ${stderr}`);
    return (JSON.parse(stdout) as { results: object[] }).results[0] as object;
  });
  print('sim-growth', results);
}
