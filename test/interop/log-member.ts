/**
 * A member on our packages that takes the flags and commands of go/common: `log-member.js -id 1 -peers 1=URL,… -listen
 * HOST:PORT -data DIR …`. What it replicates is the list of all that was applied.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfState, Message, Snapshot } from '@raft-ts/proto';
import { MessageType } from '@raft-ts/proto';
import { isConfChangeEntry, isEmptySnap, type Node, type Ready, restartNode, startNode } from '@raft-ts/raft';
import { HttpTransport, SnapshotFolder } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';

const TICK_MS = 100;
const CLUSTER_ID = 0x1000n;
/** Proposals under way, how long each may take until it is made again, and how often that is looked at. */
const TOGETHER = 32;
const PATIENCE_MS = 2000;
const CHECK_MS = 20;

const utf8 = new TextEncoder();

/** All that was applied, a line for each entry with text. */
class Machine {
  applied = 0;
  lines: string[] = [];
  private seen = new Set<string>();

  apply(index: number, text: string): void {
    this.applied = index;
    if (text === '') return;
    this.lines.push(`${index} ${text}`);
    this.seen.add(text);
  }

  has(text: string): boolean {
    return this.seen.has(text);
  }

  snapshot(): Uint8Array {
    return utf8.encode(this.lines.join('\n'));
  }

  restore(index: number, data: Uint8Array): void {
    this.applied = index;
    this.lines = data.length === 0 ? [] : Buffer.from(data).toString().split('\n');
    this.seen = new Set(this.lines.map((line) => line.slice(line.indexOf(' ') + 1)));
  }
}

/** Flags as Go writes them: `-name value`, and `-stream` alone. */
function flags(): Record<string, string> {
  const given: Record<string, string> = {};
  const words = process.argv.slice(2);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    given[word.slice(1)] = word === '-stream' ? 'true' : (words.shift() ?? '');
  }
  return given;
}

class LogMember {
  readonly machine = new Machine();
  inline = 0;
  streamed = 0;
  lead = 0n;
  private readonly given = flags();
  private readonly id = BigInt(this.given['id'] as string);
  private readonly peers: ReadonlyMap<bigint, string>;
  private readonly bodies = new SnapshotFolder(join(this.given['data'] as string, 'bodies'));
  private readonly storage: DurableStorage;
  private readonly node: Node;
  private readonly transport: HttpTransport;
  private confState: ConfState;
  private saved: number;

  constructor(storage: DurableStorage) {
    const { given, id } = this;
    const list = (given['peers'] as string).split(',').map((part): [bigint, string] => {
      const at = part.indexOf('=');
      return [BigInt(part.slice(0, at)), part.slice(at + 1)];
    });
    this.peers = new Map(list);
    this.storage = storage;
    const newest = storage.snapshot();
    this.confState = newest.metadata.confState;
    this.saved = newest.metadata.index;
    if (!isEmptySnap(newest)) this.machine.restore(newest.metadata.index, newest.data ?? new Uint8Array(0));
    const config = {
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage,
      applied: this.machine.applied,
      maxSizePerMsg: 1 << 20,
      maxInflightMsgs: 256,
      checkQuorum: true,
      preVote: true,
    };
    const ids = [...this.peers.keys()].sort((a, b) => Number(a - b));
    this.node = storage.isNew
      ? startNode(
          config,
          ids.map((peer) => ({ id: peer })),
        )
      : restartNode(config);
    const { cert, key, ca } = given;
    this.transport = new HttpTransport({
      id,
      clusterId: CLUSTER_ID,
      incarnation: false,
      urls: [this.peers.get(id) as string],
      snapshots: this.bodies,
      ...(cert === undefined
        ? {}
        : { tls: { certFile: cert, keyFile: key as string, trustedCaFile: ca as string, clientCertAuth: true } }),
      receiver: {
        process: (message) => this.process(message),
        isIdRemoved: () => false,
        reportUnreachable: (peer) => this.node.reportUnreachable(peer),
        reportSnapshot: (peer, status) => this.node.reportSnapshot(peer, status),
      },
    });
  }

  async start(): Promise<void> {
    const [, host, port] = /^(.*):(\d+)$/u.exec(this.given['listen'] as string) as unknown as [string, string, string];
    await this.transport.serve({ host, port: Number(port) });
    for (const [peer, url] of this.peers) if (peer !== this.id) this.transport.addPeer(peer, [url]);
    setInterval(() => this.node.tick(), TICK_MS);
    void this.run();
  }

  async propose(prefix: string, count: number): Promise<void> {
    let next = 1;
    const worker = async (): Promise<void> => {
      for (let i = next++; i <= count; i = next++) await this.proposeOne(`${prefix}-${i}`);
    };
    await Promise.all(Array.from({ length: TOGETHER }, worker));
  }

  /** A proposal may be lost on its way, and then is made again. */
  private async proposeOne(text: string): Promise<void> {
    while (!this.machine.has(text)) {
      // Without a leader it waits for one, or is refused.
      await Promise.race([this.node.propose(utf8.encode(text)).catch(() => undefined), sleep(PATIENCE_MS)]);
      const end = performance.now() + PATIENCE_MS;
      while (!this.machine.has(text) && performance.now() < end) await sleep(CHECK_MS);
    }
  }

  transfer(to: bigint): void {
    void this.node.transferLeadership(to);
  }

  /** A snapshot whose message has no data was streamed: its body is the data. */
  private async process(message: Message): Promise<void> {
    const { type, snapshot } = message;
    if (type !== MessageType.MsgSnap || snapshot === undefined) return this.node.step(message);
    if ((snapshot.data?.length ?? 0) > 0) {
      this.inline++;
      return this.node.step(message);
    }
    this.streamed++;
    const { metadata } = snapshot;
    const parts: Uint8Array[] = [];
    for await (const chunk of (await this.bodies.open(snapshot)).chunks) parts.push(chunk);
    return this.node.step({ ...message, snapshot: { data: Buffer.concat(parts), metadata } });
  }

  private async run(): Promise<void> {
    for await (const rd of this.node.ready()) {
      if (rd.softState !== undefined) this.lead = rd.softState.lead;
      await this.storage.save(rd);
      this.send(rd.messages);
      if (!isEmptySnap(rd.snapshot)) this.install(rd.snapshot);
      this.apply(rd);
      await this.compact();
      this.node.advance();
    }
  }

  private install({ data = new Uint8Array(0), metadata }: Snapshot): void {
    this.machine.restore(metadata.index, data);
    this.confState = metadata.confState;
    this.saved = metadata.index;
  }

  private apply(rd: Ready): void {
    for (const entry of rd.committedEntries) {
      let text = Buffer.from(entry.data ?? []).toString();
      if (isConfChangeEntry(entry)) {
        this.confState = this.node.applyConfChangeEntry(entry);
        text = '';
      }
      this.machine.apply(entry.index, text);
    }
  }

  private async compact(): Promise<void> {
    const { applied } = this.machine;
    if (applied - this.saved < Number(this.given['snapshot-every'])) return;
    this.saved = applied;
    await this.storage.createSnapshot(applied, this.confState, this.machine.snapshot());
    this.storage.compact(applied - Number(this.given['keep']));
  }

  private send(messages: readonly Message[]): void {
    if (this.given['stream'] === undefined) return this.transport.send(messages);
    for (const message of messages) {
      const { snapshot } = message;
      if (message.type !== MessageType.MsgSnap || snapshot === undefined) {
        this.transport.send([message]);
        continue;
      }
      const { data = new Uint8Array(0), metadata } = snapshot;
      const envelope: Message = { ...message, snapshot: { data: undefined, metadata } };
      void this.transport.sendSnapshot(envelope, { size: data.length, chunks: oneChunk(data) });
    }
  }
}

async function* oneChunk(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

const { data, id } = flags() as { data: string; id: string };
const storage = await DurableStorage.open(data, { nodeId: BigInt(id), clusterId: CLUSTER_ID });
const member = new LogMember(storage);
await member.start();
console.log('ready');
for await (const line of createInterface(process.stdin)) {
  const [command, first = '', second = ''] = line.split(' ');
  if (command === 'propose') void member.propose(first, Number(second)).then(() => console.log(`proposed ${first}`));
  if (command === 'transfer') {
    member.transfer(BigInt(first));
    console.log('transferred');
  }
  if (command === 'status') {
    const { machine, inline, streamed } = member;
    const { applied, lines } = machine;
    console.log(JSON.stringify({ lead: Number(member.lead), applied, count: lines.length, inline, streamed }));
  }
  if (command === 'dump') {
    writeFileSync(first, member.machine.snapshot());
    console.log('dumped');
  }
}
process.exit(0);
