/** Clients that take leases and locks, keep them for a while, and note what they could be sure of. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answered, ask, pathOf, type Question } from './ask.js';
import type { Target } from './clients.js';
import { type Hold, judgeHolds } from './holds.js';

export interface LeasePlan {
  readonly clients: number;
  readonly random: (n: number) => number;
  /** The members that may be asked, running or not. */
  readonly targets: () => readonly Target[];
}

/** Begins the keys that vanish with leases. */
const PREFIX = 'lease/';
const LOCKS = 2;
const TTL_MS = 1500;
const PAUSE_MS = 100;

interface Held {
  readonly id: number;
  readonly key: string;
  /** The lease lasts until then for certain: its time, from when that was sent which was answered last. */
  validUntil: number;
  /** Nobody keeps it any more. */
  over: boolean;
}

export class LeaseClients {
  readonly findings: string[] = [];
  readonly holds: Hold[] = [];
  leases = 0;
  /** Reads of a key of a lease that was there, or had ended, for certain. */
  reads = 0;
  private readonly plan: LeasePlan;
  private workers: Promise<void>[] = [];
  private stopping = false;

  constructor(plan: LeasePlan) {
    this.plan = plan;
  }

  start(): void {
    this.stopping = false;
    this.workers = Array.from({ length: this.plan.clients }, () => this.work());
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.workers.splice(0));
  }

  /** What speaks against the store. */
  judge(): readonly string[] {
    return [...this.findings, ...judgeHolds(this.holds)];
  }

  /** Have the keys of all leases vanished, as this member has it? */
  async allGone(target: Target): Promise<boolean> {
    const answer = await ask(target, 'GET', `/kv?prefix=${encodeURIComponent(PREFIX)}&limit=1`);
    return typeof answer === 'object' && answer.status === 200 && answer.body.startsWith('{"items":[]');
  }

  private async work(): Promise<void> {
    while (!this.stopping) {
      const lease = await this.grant();
      if (lease !== undefined) await this.use(lease);
      await sleep(PAUSE_MS + this.plan.random(PAUSE_MS));
    }
  }

  private send(method: string, path: string, question: Question = {}): Promise<Answered> {
    const targets = this.plan.targets();
    return ask(targets[this.plan.random(targets.length)] as Target, method, path, question);
  }

  private async grant(): Promise<Held | undefined> {
    const sentAt = performance.now();
    const answer = await this.send('POST', '/leases', { body: JSON.stringify({ ttlMs: TTL_MS }) });
    if (typeof answer !== 'object' || answer.status !== 200) return undefined;
    const { id } = JSON.parse(answer.body) as { readonly id: number };
    this.leases++;
    return { id, key: `${PREFIX}${id}`, validUntil: sentAt + TTL_MS, over: false };
  }

  /** Some rounds with a lease; then it is revoked, or forgotten. */
  private async use(lease: Held): Promise<void> {
    const { random } = this.plan;
    const put = await this.send('PUT', `${pathOf(lease.key)}?lease=${lease.id}`, { body: String(lease.id) });
    const hasKey = typeof put === 'object' && put.status === 200;
    for (let rounds = 1 + random(4); rounds > 0 && !lease.over && !this.stopping; rounds--) {
      // It is looked at shortly before it may end: an early end shows only then.
      if (random(2) === 0) await this.untilShortlyBefore(lease.validUntil);
      if (hasKey) await this.read(lease);
      await this.keep(lease);
      if (random(2) === 0) await this.lock(lease, `lock-${random(LOCKS)}`);
    }
    if (lease.over || random(3) === 0) return;
    const answer = await this.send('DELETE', `/leases/${lease.id}`);
    if (typeof answer === 'object' && answer.status === 200) await this.expectGone(lease);
  }

  private async untilShortlyBefore(moment: number): Promise<void> {
    const { random } = this.plan;
    const ms = moment - performance.now() - PAUSE_MS - random(4 * PAUSE_MS);
    if (ms > 0) await sleep(ms);
  }

  private async keep(lease: Held): Promise<void> {
    const sentAt = performance.now();
    const answer = await this.send('POST', `/leases/${lease.id}/keepalive`);
    if (typeof answer !== 'object') return;
    if (answer.status === 200) lease.validUntil = Math.max(lease.validUntil, sentAt + TTL_MS);
    else if (answer.status === 404) this.ended(lease, 'to keep it');
  }

  /** A member says that there is no such lease: by then its time must have passed. */
  private ended(lease: Held, asked: string): void {
    lease.over = true;
    const early = lease.validUntil - performance.now();
    if (early > 0) this.findings.push(`lease ${lease.id} ended ${Math.round(early)} ms early: 404 when asked ${asked}`);
  }

  private async read(lease: Held): Promise<void> {
    const answer = await this.send('GET', pathOf(lease.key));
    if (typeof answer !== 'object') return;
    this.reads++;
    if (answer.status === 404) this.ended(lease, 'for its key');
  }

  private async expectGone({ id, key }: Held): Promise<void> {
    const answer = await this.send('GET', pathOf(key));
    if (typeof answer !== 'object') return;
    this.reads++;
    if (answer.status === 200) this.findings.push(`the key of lease ${id} is there after the lease was revoked`);
  }

  private async lock(lease: Held, lock: string): Promise<void> {
    const { random } = this.plan;
    const asked = performance.now();
    const body = JSON.stringify({ lease: lease.id, waitMs: random(3) === 0 ? 0 : random(2 * TTL_MS) });
    const answer = await this.send('POST', `/locks/${lock}`, { body, patienceMs: 2 * TTL_MS + 2500 });
    const from = performance.now();
    if (typeof answer !== 'object') return;
    if (answer.status === 404) this.ended(lease, 'for a lock');
    if (answer.status !== 200) return;
    const { fence } = JSON.parse(answer.body) as { readonly fence: number };
    if (random(2) === 0) {
      // As a holder that has died: until its lease has ended nobody else may have the lock.
      lease.over = true;
      this.note({ lock, lease: lease.id, fence, asked, from, until: lease.validUntil });
      return;
    }
    await sleep(random(2 * PAUSE_MS));
    await this.keep(lease);
    await sleep(random(2 * PAUSE_MS));
    const until = Math.min(performance.now(), lease.validUntil);
    this.note({ lock, lease: lease.id, fence, asked, from, until });
    await this.send('DELETE', `/locks/${lock}?fence=${fence}`);
  }

  private note(hold: Hold): void {
    if (hold.until > hold.from) this.holds.push(hold);
  }
}
