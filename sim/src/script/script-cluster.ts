import type { Message, MessageType, NodeId, Snapshot } from '@raft-ts/proto';
import { codeOf } from '@raft-ts/proto/internal';
import {
  type AnyConfChange,
  describeEntries,
  describeMessage,
  describeReady,
  describeSnapshot,
  ERR_CONF_CHANGE_REFUSED,
  ERR_MESSAGE_INVALID,
  ERR_PROPOSAL_DROPPED,
  ERR_STEP_PEER_NOT_FOUND,
  type Logger,
  type RawNode,
} from '@raft-ts/raft';
import { describeProgressMap } from '@raft-ts/raft/internal';
import { numbered } from '../base/bytes.js';
import { copyMessage } from '../base/records.js';
import { ScriptMember } from './script-member.js';
import type { Build, Kept } from './step.js';
import { describeDurable, describePayload, keyOf, readable } from './texts.js';

/** Which of the messages under way a command means: all for which this holds, or the one in this place among them. */
export interface Selection {
  readonly to: NodeId;
  readonly from?: NodeId;
  readonly type?: MessageType;
  /** From 1, the oldest first. */
  readonly nth?: number;
}

/** Errors that a core answers with, and goes on. */
const answers: readonly (string | undefined)[] = [
  ERR_PROPOSAL_DROPPED,
  ERR_STEP_PEER_NOT_FOUND,
  ERR_CONF_CHANGE_REFUSED,
  ERR_MESSAGE_INVALID,
];

/**
 * What the commands of a simulation's script act on: cores with disks, and the messages under way between them. Nothing
 * happens but by command. Each command returns what it prints, in the formats of etcd's interaction tests.
 */
export class ScriptCluster {
  readonly members: ScriptMember[] = [];
  /** Messages under way, oldest first, those that members answer themselves included. */
  private underWay: Message[] = [];
  private readonly keys = new WeakMap<Message, string>();
  private text = '';
  private readonly logger: Logger;

  constructor() {
    const log = (level: string) => (line: string) => {
      this.text += `${level} ${line}\n`;
    };
    const levels = { debug: log('DEBUG'), info: log('INFO'), warn: log('WARN'), error: log('ERROR') };
    this.logger = { ...levels, debugEnabled: true };
  }

  /** Returns a member. @throws RangeError if there is none of this id */
  member(id: NodeId): ScriptMember {
    const member = this.members[Number(id) - 1];
    if (member === undefined) throw new RangeError(`there is no member ${id} among the ${this.members.length} members`);
    return member;
  }

  private print(line: string): void {
    this.text += `${line}\n`;
  }

  private send(messages: readonly Message[]): void {
    this.underWay.push(...messages);
  }

  /** Does something to a member that runs; what it fails by is printed. */
  private on(id: NodeId, what: (node: RawNode, member: ScriptMember) => void): string {
    const member = this.member(id);
    const { node } = member;
    this.text = '';
    if (node === undefined) return `${id} is down\n`;
    if (member.hasFailed) return `${id} has failed\n`;
    this.guarded(member, () => what(node, member));
    return this.printed;
  }

  private guarded(member: ScriptMember, what: () => void): void {
    try {
      what();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const isAnswer = answers.includes(codeOf(error));
      this.print(isAnswer ? text : `${member.id} fails: ${text}`);
      if (!isAnswer) member.hasFailed = true;
    }
  }

  private get printed(): string {
    return this.text === '' ? 'ok\n' : this.text;
  }

  // Members.

  /** Adds members with the next ids, whose disks hold the snapshot that a cluster is founded with, or nothing. */
  add(count: number, build: Build, founding: Snapshot | undefined): string {
    this.text = '';
    for (let i = 0; i < count; i++) {
      const member = new ScriptMember(BigInt(this.members.length + 1), build, this.logger);
      this.members.push(member);
      if (founding !== undefined) member.disk.found(founding, founding.metadata.term);
      this.guarded(member, () => member.start('nothing'));
    }
    return this.printed;
  }

  bootstrap(id: NodeId, voters: readonly NodeId[]): string {
    return this.on(id, (node) => node.bootstrap(voters.map((voter) => ({ id: voter }))));
  }

  /** Ends a member; so many of its unsynced writes are on its disk. */
  crash(id: NodeId, kept: number): string {
    const member = this.member(id);
    this.text = '';
    // What its threads have answered was in its memory.
    this.underWay = this.underWay.filter((m) => m.to !== id || !isOwn(m));
    const { unsyncedWrites } = member.disk;
    const lost = Math.max(0, unsyncedWrites - kept);
    if (lost > 0) this.print(`lost: ${lost} of ${unsyncedWrites} unsynced writes`);
    this.guarded(member, () => member.crash(unsyncedWrites - lost));
    return this.printed;
  }

  restart(id: NodeId, kept: Kept): string {
    const member = this.member(id);
    this.text = '';
    this.guarded(member, () => member.start(kept));
    return this.printed;
  }

  tick(id: NodeId, count: number): string {
    return this.on(id, (node) => {
      for (let i = 0; i < count; i++) node.tick();
    });
  }

  setElectionTimeout(id: NodeId, timeout: number): string {
    return this.on(id, ({ raft }) => {
      raft.randomizedElectionTimeout = timeout;
    });
  }

  // Messages.

  private matching({ to, from, type, nth }: Selection): Message[] {
    const all = this.underWay.filter(
      (m) => m.to === to && (from === undefined || m.from === from) && (type === undefined || m.type === type),
    );
    return nth === undefined ? all : all.slice(nth - 1, nth);
  }

  /** The shortest selection of the oldest message with this key; undefined if none is under way. */
  select(to: NodeId, key: string): Selection | undefined {
    const message = this.underWay.find((m) => m.to === to && this.keyOf(m) === key);
    if (message === undefined) return undefined;
    const { from, type } = message;
    const shorter: readonly Selection[] = [{ to }, { to, type }, { to, from }, { to, from, type }];
    const only = shorter.find((selection) => this.matching(selection).length === 1);
    if (only !== undefined) return only;
    return { to, from, type, nth: 1 + this.matching({ to, from, type }).indexOf(message) };
  }

  private keyOf(m: Message): string {
    let key = this.keys.get(m);
    if (key === undefined) {
      key = keyOf(m);
      this.keys.set(m, key);
    }
    return key;
  }

  /** Delivers messages. @param keeps they stay under way: another copy will be delivered */
  deliver(selection: Selection, keeps = false): string {
    const taken = this.matching(selection);
    if (!keeps) this.underWay = this.underWay.filter((m) => !taken.includes(m));
    if (taken.length === 0) return 'no messages\n';
    return this.on(selection.to, (node, member) => {
      for (const m of taken) {
        this.print(describeMessage(m, describePayload));
        this.guarded(member, () => node.stepChecked(copyMessage(m)));
      }
    });
  }

  /** Loses messages; what members answer themselves is not lost. */
  drop(selection: Selection): string {
    const taken = this.matching(selection).filter((m) => !isOwn(m));
    this.underWay = this.underWay.filter((m) => !taken.includes(m));
    const lines = taken.map((m) => `dropped: ${describeMessage(m, describePayload)}\n`);
    return lines.length === 0 ? 'no messages\n' : lines.join('');
  }

  // What members hand out.

  /** Takes the next Ready, and does all that it asks for, or only writes it. */
  processReady(id: NodeId, part: 'all' | 'begin'): string {
    return this.on(id, (node, member) => {
      if (member.isBusy) {
        this.print('a Ready is being written');
        return;
      }
      const { ready, messages } = member.beginReady(node);
      this.print(describeReady(ready, describePayload).replace(/\n$/, ''));
      this.send(messages);
      if (part === 'all' && member.isBusy) this.send(member.finishReady(node));
    });
  }

  /** Syncs the Ready that was begun, sends the rest, applies, and advances. */
  finishReady(id: NodeId): string {
    return this.on(id, (node, member) => this.send(member.finishReady(node)));
  }

  /** The append thread takes so many messages and writes them, without a sync. */
  beginAppend(id: NodeId, count: number): string {
    return this.on(id, (_node, member) => this.takeInHand(member, count));
  }

  private takeInHand(member: ScriptMember, count: number): void {
    const taken = member.beginAppend(count);
    if (taken.length === 0) {
      this.print('no append work to perform');
      return;
    }
    this.print('Processing:');
    for (const m of taken) this.print(describeMessage({ ...m, responses: [] }, describePayload));
  }

  /** The append thread syncs what it has in hand, and answers. */
  finishAppend(id: NodeId): string {
    return this.on(id, (_node, member) => this.answer(member.finishAppend()));
  }

  private answer(responses: readonly Message[]): void {
    this.print('Responses:');
    for (const m of responses) this.print(describeMessage(m, describePayload));
    this.send(responses);
  }

  /** The append thread carries out its oldest message. */
  processAppend(id: NodeId): string {
    return this.on(id, (_node, member) => {
      this.takeInHand(member, 1);
      if (member.inHand > 0) this.answer(member.finishAppend());
    });
  }

  processApply(id: NodeId): string {
    return this.on(id, (node, member) => {
      const [oldest] = member.applying;
      if (oldest === undefined) {
        this.print('no apply work to perform');
        return;
      }
      this.print('Processing:');
      this.print(describeMessage({ ...oldest, responses: [] }, describePayload));
      member.applyOldest(node);
      this.answer(oldest.responses);
    });
  }

  // What clients, operators, transports and applications ask for.

  propose(id: NodeId, payloads: readonly Uint8Array[]): string {
    return this.on(id, (node) => {
      if (payloads.length === 1) node.propose(payloads[0]);
      else node.proposeBatch(payloads);
    });
  }

  proposeChange(id: NodeId, change: AnyConfChange): string {
    return this.on(id, (node) => node.proposeConfChange(change));
  }

  read(id: NodeId, context: Uint8Array): string {
    return this.on(id, (node) => node.readIndex(context));
  }

  campaign(id: NodeId): string {
    return this.on(id, (node) => node.campaign());
  }

  forgetLeader(id: NodeId): string {
    return this.on(id, (node) => node.forgetLeader());
  }

  transferLeadership(id: NodeId, to: NodeId): string {
    return this.on(id, (node) => node.transferLeadership(to));
  }

  reportUnreachable(id: NodeId, about: NodeId): string {
    return this.on(id, (node) => node.reportUnreachable(about));
  }

  reportSnapshot(id: NodeId, about: NodeId, isGood: boolean): string {
    return this.on(id, (node) => node.reportSnapshot(about, isGood ? 'finish' : 'failure'));
  }

  makeSnapshot(id: NodeId): string {
    return this.on(id, (_node, member) => {
      member.makeSnapshot();
      this.print(describeSnapshot(member.disk.storage.snapshot()));
    });
  }

  /** Drops the log up to an index, and prints the rest. */
  compact(id: NodeId, index: number): string {
    return this.on(id, (_node, member) => {
      member.disk.compact(index);
      this.printLog(member);
    });
  }

  // What there is to see.

  private printLog({ disk: { storage } }: ScriptMember): void {
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    if (last < first) this.print(`log is empty: first index=${first}, last index=${last}`);
    else this.text += describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY), describePayload);
  }

  /** What the member's storage holds. */
  raftLog(id: NodeId): string {
    const member = this.member(id);
    this.text = '';
    this.guarded(member, () => this.printLog(member));
    return this.text;
  }

  /** Role, term and leader of each member. */
  raftState(): string {
    return this.each((node, { id }) => {
      const { softState, hardState } = node.basicStatus();
      const voter = node.raft.trk.config.voters.has(id) ? '(Voter)' : '(Non-Voter)';
      return `${softState.raftState} ${voter} Term:${hardState.term} Lead:${softState.lead}`;
    });
  }

  /** Term, vote, commit index and last entry of each member, on its disk too, and how much it has applied. */
  positions(): string {
    const describe = ({ raft }: RawNode): string => {
      const { raftLog } = raft;
      const { term, index } = raftLog.lastEntryId();
      return `Term:${raft.term} Vote:${raft.vote} Commit:${raftLog.committed} Last:${term}/${index}`;
    };
    return this.each(describe, ({ applied, disk }) => ` Applied:${applied} Synced: ${describeDurable(disk)}`);
  }

  private each(
    describe: (node: RawNode, member: ScriptMember) => string,
    more: (member: ScriptMember) => string = () => '',
  ): string {
    const lines = this.members.map((member) => {
      const { node, id, hasFailed } = member;
      const is = node === undefined ? 'down' : readable(() => describe(node, member));
      return `${id}: ${is}${hasFailed ? ' failed' : ''}${more(member)}\n`;
    });
    return lines.join('');
  }

  /** What a leader knows of the others' logs. */
  status(id: NodeId): string {
    return this.on(id, (node) => {
      this.text += describeProgressMap(node.status().progress);
    });
  }

  /** The payloads that a simulation makes of so many numbers from this one on. */
  static payloads(first: number, size: number, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, i) => numbered(first + i, size));
  }
}

/** Does a member's own thread send this? */
function isOwn({ from, to }: Message): boolean {
  return from === to || from >= 2n ** 64n - 2n;
}
