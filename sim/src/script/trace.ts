import { type Message, NONE, type NodeId } from '@raft-ts/proto';
import {
  type AnyConfChange,
  type BatchReceipt,
  type Config,
  type Peer,
  type ProposalReceipt,
  RawNode,
  type Ready,
} from '@raft-ts/raft';
import type { Tracer } from '../cluster/tracer.js';
import type { Member } from '../member/member.js';
import { buildOf } from './options.js';
import type { Kept, Step } from './step.js';
import { keyOf } from './texts.js';

/** A core that writes down what it is told. */
class TracedNode extends RawNode {
  private readonly id: NodeId;
  private readonly steps: Step[];

  constructor(config: Config, steps: Step[]) {
    super(config);
    this.id = config.id;
    this.steps = steps;
  }

  override bootstrap(peers: readonly Peer[]): void {
    this.steps.push({ kind: 'bootstrap', id: this.id, voters: peers.map(({ id }) => id) });
    super.bootstrap(peers);
  }

  override tick(): void {
    const { randomizedElectionTimeout: timeout } = this.raft;
    this.steps.push({ kind: 'tick', id: this.id, timeout, count: 1 });
    super.tick();
  }

  override stepChecked(m: Message): void {
    this.steps.push({ kind: 'deliver', id: this.id, key: keyOf(m), keeps: false });
    super.stepChecked(m);
  }

  override ready(): Ready {
    this.steps.push({ kind: 'ready', id: this.id });
    return super.ready();
  }

  override advance(): void {
    this.steps.push({ kind: 'advance', id: this.id });
    super.advance();
  }

  override campaign(): void {
    this.steps.push({ kind: 'campaign', id: this.id });
    super.campaign();
  }

  override forgetLeader(): void {
    this.steps.push({ kind: 'forget-leader', id: this.id });
    super.forgetLeader();
  }

  override propose(data: Uint8Array | undefined): ProposalReceipt {
    this.steps.push({ kind: 'propose', id: this.id, payloads: [data as Uint8Array] });
    return super.propose(data);
  }

  override proposeBatch(payloads: readonly Uint8Array[]): BatchReceipt {
    this.steps.push({ kind: 'propose', id: this.id, payloads });
    return super.proposeBatch(payloads);
  }

  override proposeConfChange(change: AnyConfChange): ProposalReceipt {
    this.steps.push({ kind: 'change', id: this.id, change });
    return super.proposeConfChange(change);
  }

  override readIndex(context: Uint8Array): void {
    this.steps.push({ kind: 'read', id: this.id, context });
    super.readIndex(context);
  }

  override transferLeadership(about: NodeId): void {
    this.steps.push({ kind: 'transfer', id: this.id, about });
    super.transferLeadership(about);
  }

  override reportUnreachable(about: NodeId): void {
    this.steps.push({ kind: 'unreachable', id: this.id, about });
    super.reportUnreachable(about);
  }

  override reportSnapshot(about: NodeId, result: 'finish' | 'failure'): void {
    this.steps.push({ kind: 'snapshot-status', id: this.id, about, isGood: result === 'finish' });
    super.reportSnapshot(about, result);
  }
}

/** Every call on every core of a run, in the order in which they were made. */
export class Trace implements Tracer {
  readonly steps: Step[] = [];
  private readonly known = new Set<NodeId>();

  build(member: Member, config: Config): RawNode {
    const { id, disk } = member;
    if (this.known.has(id)) {
      this.steps.push({ kind: 'restart', id, kept: keptBy(member) });
    } else {
      this.known.add(id);
      const { snapshot } = disk.durable;
      const founding = snapshot.metadata.index > 0 ? snapshot : undefined;
      this.steps.push({ kind: 'add', id, build: buildOf(config), founding, count: 1 });
    }
    return new TracedNode(config, this.steps);
  }

  crashed({ id }: Member, kept: number): void {
    this.steps.push({ kind: 'crash', id, kept });
  }

  writes({ id, inHand: count }: Member): void {
    this.steps.push({ kind: 'writes', id, count });
  }

  wrote({ id, inHand: count }: Member): void {
    this.steps.push({ kind: 'wrote', id, count });
  }

  applies({ id }: Member): void {
    this.steps.push({ kind: 'applies', id });
  }

  madeSnapshot({ id }: Member, compacted: number): void {
    this.steps.push({ kind: 'snapshot', id, compacted });
  }

  sent(m: Message): void {
    this.steps.push({ kind: 'sent', id: NONE, key: keyOf(m) });
  }

  lost(m: Message): void {
    this.steps.push({ kind: 'lost', id: NONE, key: keyOf(m) });
  }
}

function keptBy({ disk, applied }: Member): Kept {
  if (disk.storage.initialState().confStateIndex !== undefined) return 'state and membership';
  return applied > disk.durable.snapshot.metadata.index ? 'state' : 'nothing';
}
