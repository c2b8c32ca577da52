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
import { codeOf } from '@raft-ts/proto/internal';
import { ERR_STEP_PEER_NOT_FOUND, isConfChangeEntry, type RawNode, type Ready } from '@raft-ts/raft';
import { numberOf } from '../base/bytes.js';
import type { Stream } from '../base/random.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { Rules } from '../rules/rules.js';
import { type Event, event, type Written, writtenEvent } from './event.js';
import type { Tracer } from './tracer.js';

/** What a recorder may be told of a state machine. */
export interface Observer {
  /** A member has applied this entry. */
  applied?(member: Member, entry: Entry): void;
  /** A member has put a leader's snapshot in the place of its state. */
  installed?(member: Member, snapshot: Snapshot): void;
}

/** When applications make snapshots by themselves. */
export interface Snapshots {
  /** After so many entries that were applied; 0 for never. */
  readonly every: number;
  /** So many of the last entries stay in the log. */
  readonly keep: number;
}

/** What drivers need of the world around them. */
export interface Surroundings {
  readonly now: number;
  readonly rules: Rules;
  readonly recorder: Observer | undefined;
  readonly tracer: Tracer | undefined;
  /** How long each write takes. */
  readonly delays: Stream;
  readonly sendsWhileWriting: boolean;
  readonly snapshots: Snapshots;
  post(at: number, event: Event): void;
  /** A member hands out a Ready. */
  handedOut(member: Member, node: RawNode, rd: Ready): void;
  /** Hands a message to the network. */
  send(member: Member, m: Message): void;
}

/** More Readys than any single event leads to: a whole log applied one entry at a time is far below. */
const MOST_READYS = 100_000;

/** A snapshot is made so many milliseconds after it is due, at most. */
const MOST_MS_TO_SNAPSHOT = 20;

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
      if (!rd.mustSync && m.responses.length === 0 && member.writing.length === 0) {
        // A new commit index alone promises nothing.
        save(member, m);
        continue;
      }
      member.writing.push(m);
      if (member.inHand === 0) beginWriting(world, member);
    } else if (m.to === LOCAL_APPLY_THREAD) {
      member.applying.push(m);
      member.appliesUntil = Math.max(member.appliesUntil, world.now + world.delays.int(disk.applyMs + 1));
      world.post(member.appliesUntil, event('applied', member));
    } else {
      world.send(member, m);
    }
  }
}

/**
 * The append thread takes some of its oldest messages in hand. Only now the storage has what they hold, as in a program
 * whose thread writes: before, it has what was there, and a crash leaves nothing of them.
 */
function beginWriting(world: Surroundings, member: Member): void {
  const { writing, disk } = member;
  member.inHand = writing.length === 1 ? 1 : 1 + world.delays.int(writing.length);
  world.tracer?.writes(member);
  for (let i = 0; i < member.inHand; i++) save(member, writing[i] as Message);
  world.post(world.now + world.delays.int(disk.writeMs + 1), event('written', member));
}

function save({ disk }: Member, m: Message): void {
  disk.save(hardStateOf(m), m.entries, m.snapshot);
}

function hardStateOf({ term, vote, commit }: Message): HardState | undefined {
  return term === 0 && vote === NONE && commit === 0 ? undefined : { term, vote, commit };
}

/** The append thread has carried out what it had in hand, with one sync. */
export function appended(world: Surroundings, member: Member, node: RawNode): void {
  const { disk } = member;
  world.tracer?.wrote(member);
  const done = member.writing.splice(0, member.inHand);
  member.inHand = 0;
  disk.sync(disk.end);
  world.rules.persisted(member);
  for (const m of done) {
    if (m.snapshot !== undefined) install(world, member, m.snapshot);
    answer(world, member, node, m);
  }
  if (member.writing.length > 0) beginWriting(world, member);
}

/** The apply thread has carried out its oldest message. */
export function appliedByThread(world: Surroundings, member: Member, node: RawNode): void {
  const m = member.applying.shift();
  if (m === undefined) return;
  world.tracer?.applies(member);
  apply(world, member, node, m.entries);
  answer(world, member, node, m);
}

/**
 * Hands on what a thread answers. What is for the member itself may have to wait until it listens; other members may
 * have heard of the same work by then, and answered.
 */
function answer(world: Surroundings, member: Member, node: RawNode, m: Message): void {
  const { answers, disk } = member;
  for (const response of m.responses) {
    if (response.to !== member.id) {
      world.send(member, response);
    } else if (disk.answerMs === 0 && answers.length === 0) {
      step(world, member, node, response);
    } else {
      answers.push(response);
      member.answersUntil = Math.max(member.answersUntil, world.now + world.delays.int(disk.answerMs + 1));
      world.post(member.answersUntil, event('answered', member));
    }
  }
}

/** A member hears the oldest answer of its threads. */
export function answered(world: Surroundings, member: Member, node: RawNode): void {
  const response = member.answers.shift();
  if (response !== undefined) step(world, member, node, response);
}

function step(world: Surroundings, member: Member, node: RawNode, response: Message): void {
  try {
    node.stepChecked(response);
  } catch (error) {
    // A leader that was removed while it wrote is refused its own acknowledgement; what else was written counts.
    if (codeOf(error) !== ERR_STEP_PEER_NOT_FOUND) throw error;
  }
  world.rules.afterStep(member, node);
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
  const { every, keep } = world.snapshots;
  if (every === 0 || member.applied - member.snapshotPlanned < every) return;
  member.snapshotPlanned = member.applied;
  world.post(world.now + world.delays.int(MOST_MS_TO_SNAPSHOT), event('snapshot', member, keep));
}
