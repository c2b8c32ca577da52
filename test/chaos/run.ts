/** One run: a cluster, clients and an operator under faults, round by round; then the verdict. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@raft-ts/raft/internal';
import { Programs } from '../raftexample/processes.js';
import { ask } from './ask.js';
import { Clients } from './clients.js';
import { Cluster, type Member } from './cluster.js';
import { type Fault, linkFaults, processFaults, type Random } from './faults.js';
import { LeaseClients } from './lease-clients.js';
import { Operator } from './operator.js';
import { type Report, report } from './verdict.js';

export interface ChaosPlan {
  readonly seed: number;
  /** Longer runs, by the clock; otherwise one round of `faults`, each held for some calls. */
  readonly minutes?: number | undefined;
  readonly faults: number;
  readonly clients: number;
  /** Members as hosts with a router between them, which this process is. Default: processes of one host. */
  readonly hosts?: boolean;
  readonly tell: (text: string) => void;
}

/** After all faults have ended: how long a cluster may take until everybody serves and holds the same. */
const HEAL_MS = 90_000;
const FAULTS_PER_ROUND = 8;
/** Of a run without a clock: calls that are answered while a fault lasts. */
const CALLS_PER_FAULT = 30;
/** Clients that take leases and locks. */
const LEASE_CLIENTS = 4;
/** A run of so many minutes also freezes one member for one of them. */
const MINUTES_FOR_FREEZE = 3;

export async function runChaos(plan: ChaosPlan): Promise<Report> {
  const programs = new Programs();
  const chaos = await Chaos.start(plan, programs);
  try {
    return await chaos.run();
  } finally {
    await chaos.end();
  }
}

class Chaos {
  private readonly plan: ChaosPlan;
  private readonly programs: Programs;
  private readonly cluster: Cluster;
  private readonly clients: Clients;
  private readonly leases: LeaseClients;
  private readonly operator: Operator;
  private readonly random: Random;
  private readonly begun = new Map<string, number>();
  private readonly findings: string[] = [];
  private deck: string[] = [];
  private deadline = 0;

  private constructor(plan: ChaosPlan, programs: Programs, cluster: Cluster) {
    this.plan = plan;
    this.programs = programs;
    this.cluster = cluster;
    this.random = seededRandom(plan.seed);
    // Streams of their own: how fast clients are answered must not change which faults are drawn.
    this.clients = new Clients({
      clients: plan.clients,
      random: seededRandom(plan.seed + 1),
      targets: () => cluster.present,
    });
    this.leases = new LeaseClients({
      clients: LEASE_CLIENTS,
      random: seededRandom(plan.seed + 4),
      targets: () => cluster.present,
    });
    this.operator = new Operator(cluster, seededRandom(plan.seed + 2), plan.tell);
  }

  static async start(plan: ChaosPlan, programs: Programs): Promise<Chaos> {
    const draw = seededRandom(plan.seed + 3);
    const cluster = await Cluster.start(
      {
        founders: 5,
        spares: plan.minutes === undefined ? 1 : Math.min(30, 2 + 2 * Math.ceil(plan.minutes)),
        tickMs: [50, 100][draw(2)] as number,
        snapshotEvery: 100 + draw(300),
        catchUp: 5 + draw(60),
        snapshots: draw(2) === 0 ? 'inline' : 'stream',
        smallDisks: plan.minutes !== undefined,
        hosts: plan.hosts ?? false,
        tell: plan.tell,
      },
      programs,
    );
    return new Chaos(plan, programs, cluster);
  }

  async run(): Promise<Report> {
    const { minutes, tell } = this.plan;
    const { tickMs, snapshotEvery, catchUp, snapshots } = this.cluster.plan;
    tell(`ticks of ${tickMs} ms, snapshots ${snapshots}, every ${snapshotEvery} entries, ${catchUp} kept`);
    await this.allServe();
    this.deadline = performance.now() + (minutes ?? 0) * 60_000;
    for (let round = 1; ; round++) {
      await this.round(round);
      if (this.failed || performance.now() >= this.deadline) break;
    }
    return this.verdict();
  }

  /** Told at once: what waits for the verdict may never be told, if the run is cut off. */
  private find(what: string): void {
    this.findings.push(what);
    this.plan.tell(`finding: ${what}`);
  }

  private get failed(): boolean {
    const { findings, cluster, clients, leases } = this;
    return findings.length + cluster.findings.length + clients.findings.length + leases.findings.length > 0;
  }

  private async round(round: number): Promise<void> {
    const { clients, operator, plan } = this;
    clients.start();
    this.leases.start();
    // In a short run it comes with the faults; it takes as long as it takes.
    const replacing = operator.replace();
    const count = plan.minutes === undefined ? plan.faults : FAULTS_PER_ROUND;
    for (let i = 0; i < count && !this.failed; i++) await this.disturb();
    if (round === 2 && (plan.minutes ?? 0) >= MINUTES_FOR_FREEZE) await this.freezeLong();
    await this.cluster.heal();
    await this.within(replacing, () => `the operator could not ${operator.doing}`);
    await this.allServe();
    await Promise.all([clients.stop(), this.leases.stop()]);
    await this.allLeasesEnd();
    await this.allAgree();
    plan.tell(`round ${round}: healed, all serve and hold the same; ${clients.answered} calls so far`);
  }

  /** One fault, or one of each kind at once; then a while without. */
  private async disturb(): Promise<void> {
    const { random, cluster, operator } = this;
    const faults = [await this.begin(this.drawn())];
    if (random(4) === 0) faults.push(await this.begin(this.drawn()));
    if (random(3) === 0) void operator.transfer();
    await this.hold(400, 4000);
    for (const { end } of faults.reverse()) await end?.();
    await cluster.heal();
    const what = faults.map((fault) => fault.what).join(' + ');
    this.plan.tell(`${what}; ${this.clients.answered} calls`);
    operator.transferPerhaps();
    await this.hold(200, 1500);
  }

  /** The next of all faults in an order of chance, so that none is left out. */
  private drawn(): string {
    if (this.deck.length === 0) this.deck = [...Object.keys(processFaults), ...Object.keys(linkFaults)];
    return this.deck.splice(this.random(this.deck.length), 1)[0] as string;
  }

  private async begin(name: string): Promise<Fault> {
    this.begun.set(name, (this.begun.get(name) ?? 0) + 1);
    const begin = processFaults[name] ?? linkFaults[name];
    return (begin as NonNullable<typeof begin>)(this.cluster, this.random);
  }

  private async hold(leastMs: number, mostMs: number): Promise<void> {
    const chosen = leastMs + this.random(mostMs - leastMs);
    if (this.plan.minutes !== undefined) {
      await sleep(chosen);
      return;
    }
    const goal = this.clients.answered + CALLS_PER_FAULT;
    while (this.clients.answered < goal) await sleep(10);
  }

  private async freezeLong(): Promise<void> {
    const victim = this.cluster.present[this.random(this.cluster.present.length)] as Member;
    this.cluster.freeze(victim);
    this.begun.set('freeze for a minute', 1);
    await sleep(60_000);
    this.plan.tell(`SIGSTOP of ${victim.id} for a minute; ${this.clients.answered} calls`);
  }

  private async within(what: Promise<void>, why: () => string): Promise<void> {
    let done = false;
    const finished = what.then(() => (done = true));
    await Promise.race([finished, sleep(HEAL_MS, undefined, { ref: false })]);
    if (!done) this.find(`${HEAL_MS / 1000} s after all faults had ended, ${why()}`);
  }

  private async allServe(): Promise<void> {
    const since = performance.now();
    for (const member of this.cluster.present) {
      while (!(await this.clients.isServed(member))) {
        if (this.cluster.findings.length > 0) return;
        if (performance.now() - since > HEAL_MS) {
          this.find(`${HEAL_MS / 1000} s after all faults had ended, member ${member.id} does not serve`);
          return;
        }
        await sleep(100);
      }
    }
  }

  /** Nobody keeps one any more: then their keys vanish, and the clock of leases writes nothing. */
  private async allLeasesEnd(): Promise<void> {
    const since = performance.now();
    for (const member of this.cluster.present) {
      while (!(await this.leases.allGone(member))) {
        if (this.cluster.findings.length > 0) return;
        if (performance.now() - since > HEAL_MS) {
          this.find(`${HEAL_MS / 1000} s after nobody kept them, member ${member.id} has keys of leases`);
          return;
        }
        await sleep(100);
      }
    }
  }

  /** Nobody writes. */
  private async allAgree(): Promise<void> {
    const since = performance.now();
    let digests: string[] = [];
    do {
      digests = await Promise.all(
        this.cluster.present.map(async (member) => {
          const answer = await ask(member, 'GET', '/digest', {});
          return typeof answer === 'object' ? answer.body : String(answer);
        }),
      );
      if (new Set(digests).size === 1) return;
      await sleep(200);
    } while (performance.now() - since < HEAL_MS && this.cluster.findings.length === 0);
    this.find(`the members do not come to hold the same: ${digests.join(' ')}`);
  }

  private async verdict(): Promise<Report> {
    const { cluster, clients, leases, operator, plan } = this;
    for (const member of cluster.present) {
      if (!this.failed && !(await clients.readAll(member))) this.find(`member ${member.id} cannot be read`);
    }
    // Before everything was read, what a counter showed last may be old.
    const miscounted = this.failed ? [] : clients.miscounted();
    const result = report({
      history: clients.history,
      stale: clients.stale,
      watched: clients.watched,
      findings: [...this.findings, ...cluster.findings, ...clients.findings, ...miscounted, ...leases.judge()],
      leases,
      faults: this.begun,
      answers: clients.answers,
      errors: cluster.errorLines(),
      starts: cluster.members.reduce((sum, { programs }) => sum + programs.length, 0),
      changes: `${operator.added} added, ${operator.removed} removed, leadership moved ${operator.transfers} times`,
    });
    if (result.findings.length > 0) plan.tell(`what happened is in ${this.keep()}`);
    return result;
  }

  /** Leaves data, logs and history behind. */
  private keep(): string {
    const folder = this.programs.keepFolder();
    for (const { id, programs } of this.cluster.members) {
      const lines = programs.flatMap((program) => [...program.lines, ...program.errors, '--- end of this process']);
      if (lines.length > 0) writeFileSync(join(folder, `member-${id}.log`), `${lines.join('\n')}\n`);
    }
    writeFileSync(
      join(folder, 'history.json'),
      `${this.clients.history.map((one) => JSON.stringify(one)).join('\n')}\n`,
    );
    return folder;
  }

  async end(): Promise<void> {
    await Promise.all([this.clients.stop(), this.leases.stop()]);
    await this.cluster.close();
  }
}
