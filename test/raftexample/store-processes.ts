/** Members of the store as processes, and clients that write all the time while something is done to them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreClient } from '@raft-ts/raftexample/client';
import type { Peer } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { type Finished, root, run } from '../repo/repository.js';
import { freePeers, type Program, type Programs } from './processes.js';

const COMMAND = join(root, 'raftexample/bin/raftexample.js');

export interface StorePlan {
  /** Founders are 1 to this number. */
  readonly founders: number;
  /** Members that may be added: their ports. Default 0. */
  readonly spares?: number;
  /** Flags of every member. */
  readonly flags?: readonly string[];
  /** The path of the program that founders begin with. Default: that of the package. */
  readonly program?: string;
}

/** The members of one cluster, by id. */
export class StoreProcesses {
  readonly programs: Programs;
  readonly running = new Map<number, Program>();
  private readonly plan: StorePlan;
  private readonly peers: readonly Peer[];
  private readonly clients: readonly Peer[];

  private constructor(programs: Programs, plan: StorePlan, ports: readonly Peer[]) {
    this.programs = programs;
    this.plan = plan;
    this.peers = ports.slice(0, ports.length / 2);
    this.clients = ports.slice(ports.length / 2);
  }

  /** Starts the founders, and resolves once every one of them serves, what goes beyond members in Go included. */
  static async start(programs: Programs, plan: StorePlan): Promise<StoreProcesses> {
    const count = plan.founders + (plan.spares ?? 0);
    const members = new StoreProcesses(programs, plan, await freePeers(2 * count));
    for (const id of members.founders) members.launchAs(plan.program, id);
    await members.ready(members.founders);
    await members.opened();
    return members;
  }

  get founders(): readonly number[] {
    return Array.from({ length: this.plan.founders }, (_, i) => i + 1);
  }

  peerUrl(id: number): string {
    return `http://127.0.0.1:${this.peers[id - 1]?.port}`;
  }

  endpoint(id: number): string {
    return `http://127.0.0.1:${this.clients[id - 1]?.port}`;
  }

  /** Where the log of a member lies, in the programs' folder. */
  folder(id: number): string {
    return `member-${id}`;
  }

  /** The arguments of a founder; more of them, and others for the same flags, come after. */
  argv(id: number, ...more: readonly string[]): string[] {
    const list = this.founders.map((peer) => `${peer}=${this.peerUrl(peer)}`).join(',');
    const client = new URL(this.endpoint(id)).host;
    return [
      ...['kv', '--id', String(id), '--peers', list, '--client-addr', client, '--data', this.folder(id)],
      ...(this.plan.flags ?? []),
      ...more,
    ];
  }

  launch(id: number, ...more: readonly string[]): Program {
    return this.launchAs(undefined, id, ...more);
  }

  /** Starts a member with the program at this path. */
  launchAs(path: string | undefined, id: number, ...more: readonly string[]): Program {
    const program = this.programs.start(path ?? 'raftexample.js', this.argv(id, ...more));
    this.running.set(id, program);
    return program;
  }

  program(id: number): Program {
    return this.running.get(id) as Program;
  }

  /** Resolves once these would serve a linearizable read. */
  async ready(ids: readonly number[]): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        for (;;) {
          const { running, errors } = this.program(id);
          if (!running) throw new Error(`member ${id} has ended: ${errors.join('\n')}`);
          const answer = await fetch(`${this.endpoint(id)}/readyz`).catch(() => undefined);
          if (answer?.status === 200) return;
          await sleep(20);
        }
      }),
    );
  }

  private async opened(): Promise<void> {
    const headers = { 'Idempotency-Key': '"opened"' };
    for (;;) {
      const answer = await fetch(`${this.endpoint(1)}/kv/opened`, { method: 'PUT', body: '', headers });
      if (answer.status === 200) return;
      await sleep(20);
    }
  }

  async leader(among: readonly number[] = this.founders): Promise<number> {
    for (;;) {
      for (const id of among) {
        const answer = await fetch(`${this.endpoint(id)}/status`).catch(() => undefined);
        const { leader = 0 } = ((await answer?.json()) ?? {}) as { readonly leader?: number };
        if (among.includes(leader)) return leader;
      }
      await sleep(20);
    }
  }

  async stop(id: number): Promise<void> {
    const program = this.program(id);
    const { code } = await program.kill('SIGTERM');
    expect(code, `member ${id}: ${program.errors.slice(-5).join('\n')}`).to.equal(0);
  }

  client(ids: readonly number[]): StoreClient {
    return new StoreClient({ endpoints: ids.map((id) => this.endpoint(id)), timeoutMs: 60_000 });
  }

  /** Runs `raftexample` to its end, in the programs' folder. */
  command(...words: readonly string[]): Promise<Finished> {
    return run(process.execPath, [COMMAND, ...words], { cwd: this.programs.folder, timeoutMs: 60_000 });
  }
}

export interface Acknowledged {
  readonly value: string;
  readonly index: number;
}

/**
 * Writers that go on until they are stopped. Each has keys of its own, so that the last that was acknowledged is what
 * must be there.
 */
export class Load {
  /** What was acknowledged last, by key. */
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Acknowledgements. */
  count = 0;
  /** What was not acknowledged. */
  readonly failures: string[] = [];
  private readonly client: StoreClient;
  private readonly writers: readonly Promise<void>[];
  private readonly restMs: number;
  private readonly stopping = new AbortController();

  /**
   * @param client retries as it is told to; closed by `stop`
   * @param restMs how long a writer rests after each write. For a test that takes a minute: without rests, members and
   *   writers take all processors for that minute
   */
  constructor(client: StoreClient, { writers = 4, restMs = 0 } = {}) {
    this.client = client;
    this.restMs = restMs;
    this.writers = Array.from({ length: writers }, (_, i) => this.write(i));
  }

  /** Resolves once so many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.count + count;
    while (this.count < goal) await sleep(10);
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.writers);
    await this.client.close();
  }

  /** Gives up what is under way; also for the end of a test that failed, which it would outlive. */
  async abandon(): Promise<void> {
    this.stopping.abort();
    await this.client.close();
    await Promise.all(this.writers);
  }

  private async write(writer: number): Promise<void> {
    for (let i = 0; !this.stopping.signal.aborted; i++) {
      const key = `load/${writer}/${i % 50}`;
      const value = `${i}`;
      const idempotencyKey = `${writer}-${i}`;
      const outcome = await this.client.put(key, value, { idempotencyKey }).catch((error: unknown) => String(error));
      if (typeof outcome === 'object' && outcome.outcome === 'done') {
        this.acknowledged.set(key, { value, index: outcome.index });
        this.count++;
      } else if (!this.stopping.signal.aborted) {
        this.failures.push(`${key}: ${JSON.stringify(outcome)}`);
      }
      if (this.restMs > 0) await sleep(this.restMs);
    }
  }
}
