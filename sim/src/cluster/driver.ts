import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type Snapshot,
} from '@raft-ts/proto';
import { isConfChangeEntry, type RawNode, type Ready } from '@raft-ts/raft';
import { numberOf } from '../base/bytes.js';
import type { Stream } from '../base/random.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { Rules } from '../rules/rules.js';
import { type Event, event, type Written, writtenEvent } from './event.js';

/** What a recorder may be told of a state machine. */
export interface Observer {
  /** A member has applied this entry. */
  applied?(member: Member, entry: Entry): void;
  /** A member has put a leader's snapshot in the place of its state. */
  installed?(member: Member, snapshot: Snapshot): void;
}

/** What drivers need of the world around them. */
export interface Surroundings {
  readonly now: number;
  readonly rules: Rules;
  readonly recorder: Observer | undefined;
  /** How long each write takes. */
  readonly delays: Stream;
  readonly sendsWhileWriting: boolean;
  post(at: number, event: Event): void;
  /** A member hands out a Ready. */
  handedOut(member: Member, node: RawNode, rd: Ready): void;
  /** Hands a message to the network. */
  send(member: Member, m: Message): void;
}

/** More Readys than any single event leads to: a whole log applied one entry at a time is far below. */
const MOST_READYS = 100_000;

/** Does what a member's Readys ask for, until there is nothing to do or a write is under way. */
export function drive(world: Surroundings, member: Member, node: RawNode): void {
  for (let readys = 0; !member.isBusy && node.hasReady(); readys++) {
    if (readys > MOST_READYS) throw new Violation('comes-to-rest', `Member ${member.id} hands out Readys without end.`);
    const rd = node.ready();
    world.handedOut(member, node, rd);
    if (member.isAsync) handOver(world, member, rd);
    else write(world, member, node, rd);
  }
}

// Synchronous storage: one Ready after the other.

function write(world: Surroundings, member: Member, node: RawNode, rd: Ready): void {
  const { disk } = member;
  disk.save(rd.hardState, rd.entries, rd.snapshot);
  if (!rd.mustSync && rd.snapshot === undefined) {
    finish(world, member, node, { ready: rd, messages: rd.messages });
    return;
  }
  const later = member.leadsTerm !== 0 && world.sendsWhileWriting ? sendAppends(world, member, rd) : rd.messages;
  const delay = world.delays.int(disk.writeMs + 1);
  if (delay === 0) {
    written(world, member, node, { ready: rd, messages: later, upTo: disk.end });
    return;
  }
  member.isBusy = true;
  world.post(world.now + delay, writtenEvent(member, { ready: rd, messages: later, upTo: disk.end }));
}

/** Sends what a leader may send before it has written it itself. Returns the other messages. */
function sendAppends(world: Surroundings, member: Member, { messages }: Ready): readonly Message[] {
  const later: Message[] = [];
  for (const m of messages) {
    if (isAppend(m)) world.send(member, m);
    else later.push(m);
  }
  return later;
}

/** A Ready's writes up to this number are on stable storage. */
export function written(world: Surroundings, member: Member, node: RawNode, { ready, messages, upTo }: Written): void {
  member.isBusy = false;
  member.disk.sync(upTo);
  world.rules.persisted(member);
  finish(world, member, node, { ready, messages });
}

function isAppend({ type }: Message): boolean {
  return type === MessageType.MsgApp;
}

function finish(world: Surroundings, member: Member, node: RawNode, { ready, messages }: Omit<Written, 'upTo'>): void {
  for (const m of messages) world.send(member, m);
  if (ready.snapshot !== undefined) install(world, member, ready.snapshot);
  apply(world, member, node, ready.committedEntries);
  node.advance();
  world.rules.afterStep(member, node);
}

// Asynchronous storage: messages to two threads that answer.

function handOver(world: Surroundings, member: Member, rd: Ready): void {
  const { disk } = member;
  for (const m of rd.messages) {
    if (m.to === LOCAL_APPEND_THREAD) {
      disk.save(hardStateOf(m), m.entries, m.snapshot);
      // A new commit index alone promises nothing.
      if (!rd.mustSync && m.responses.length === 0) continue;
      member.writing.push({ message: m, upTo: disk.end });
      member.writesUntil = Math.max(member.writesUntil, world.now + world.delays.int(disk.writeMs + 1));
      world.post(member.writesUntil, event('written', member));
    } else if (m.to === LOCAL_APPLY_THREAD) {
      member.applying.push(m);
      member.appliesUntil = Math.max(member.appliesUntil, world.now + world.delays.int(disk.applyMs + 1));
      world.post(member.appliesUntil, event('applied', member));
    } else {
      world.send(member, m);
    }
  }
}

function hardStateOf({ term, vote, commit }: Message): HardState | undefined {
  return term === 0 && vote === NONE && commit === 0 ? undefined : { term, vote, commit };
}

/** The append thread has carried out its oldest message. */
export function appended(world: Surroundings, member: Member, node: RawNode): void {
  const work = member.writing.shift();
  if (work === undefined) return;
  member.disk.sync(work.upTo);
  world.rules.persisted(member);
  if (work.message.snapshot !== undefined) install(world, member, work.message.snapshot);
  answer(world, member, node, work.message);
}

/** The apply thread has carried out its oldest message. */
export function appliedByThread(world: Surroundings, member: Member, node: RawNode): void {
  const m = member.applying.shift();
  if (m === undefined) return;
  apply(world, member, node, m.entries);
  answer(world, member, node, m);
}

function answer(world: Surroundings, member: Member, node: RawNode, m: Message): void {
  for (const response of m.responses) {
    if (response.to !== member.id) {
      world.send(member, response);
    } else {
      node.stepChecked(response);
      world.rules.afterStep(member, node);
    }
  }
}

// The state machine.

function install({ recorder }: Surroundings, member: Member, snapshot: Snapshot): void {
  const { data, metadata } = snapshot;
  // What a thread applied meanwhile may be newer.
  if (metadata.index <= member.applied) return;
  member.state = data === undefined ? 0 : (numberOf(data) ?? 0);
  member.applied = metadata.index;
  member.confState = metadata.confState;
  recorder?.installed?.(member, snapshot);
}

function apply(world: Surroundings, member: Member, node: RawNode, entries: readonly Entry[]): void {
  const { rules, recorder } = world;
  for (const entry of entries) {
    // A snapshot that was installed meanwhile covers it.
    if (entry.index <= member.applied && member.isAsync) continue;
    member.state = rules.applying(member, entry);
    member.applied = entry.index;
    if (isConfChangeEntry(entry)) {
      member.confState = node.applyConfChangeEntry(entry);
      rules.configured(member, entry, member.confState);
      rules.afterStep(member, node);
    }
    rules.applied(member);
    recorder?.applied?.(member, entry);
  }
}
