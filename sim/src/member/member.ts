import type { ConfState, Message, NodeId } from '@raft-ts/proto';
import { emptyConfState } from '@raft-ts/proto';
import type { RawNode } from '@raft-ts/raft';
import { ChainLog } from '../base/chain-log.js';
import type { Disk } from './disk.js';
import type { Leadership } from './leadership.js';

/** A member of the simulated cluster: its disk, its state machine, and, while it runs, its RawNode. */
export class Member {
  readonly id: NodeId;
  /** Its place in arrays: its id less one. */
  readonly slot: number;
  readonly disk: Disk;
  readonly isAsync: boolean;
  /** Undefined while it is down. */
  node: RawNode | undefined = undefined;
  /** Number of its starts: what was begun in an earlier life does not end in this one. */
  life = 0;
  /** Its disk is lost, or it was removed and shut down: it never comes back. */
  isGone = false;
  /** Its process is stopped. */
  isFrozen = false;
  /** A Ready is being written, with synchronous storage: the next one waits. */
  isBusy = false;
  /** What its append thread and its apply thread, with asynchronous storage, have yet to do: oldest first. */
  writing: Message[] = [];
  /** So many of the messages to its append thread are being written together. */
  inHand = 0;
  applying: Message[] = [];
  /** When the last work of the apply thread ends. */
  appliesUntil = 0;
  /** What its threads have answered and it has not heard yet, oldest first, and when it hears the last of it. */
  answers: Message[] = [];
  answersUntil = 0;
  /** How far its state machine had come when a snapshot was last planned. */
  snapshotPlanned = 0;
  /** How fast its clock runs. */
  rate = 1;

  /** The state machine: a hash of everything applied, how far, and the membership there. */
  state = 0;
  applied = 0;
  confState: ConfState = emptyConfState();

  // What the rules remember of it.

  /** The log that it has handed out to be written. */
  readonly log: ChainLog = new ChainLog();
  seenState: RawNode['raft']['state'] = 'StateFollower';
  seenTerm = 0;
  seenCommit = 0;
  seenApplied = 0;
  /** The commit index that it has shown to the outside. */
  shownCommit = 0;
  /** The term in which it leads; 0 if it does not. */
  leadsTerm = 0;
  /** What the rules remember of its time as leader of that term. */
  led: Leadership | undefined = undefined;
  /** At which event it last heard a heartbeat of its term's leader, by term; over all its lives. */
  readonly heard: Map<number, number> = new Map();
  /** The term in which it led when it last handed out a Ready; 0 if it did not. */
  handedTerm = 0;
  durableTerm = 0;
  durableVote: NodeId = 0n;

  constructor(id: NodeId, disk: Disk, isAsync: boolean) {
    this.id = id;
    this.slot = Number(id) - 1;
    this.disk = disk;
    this.isAsync = isAsync;
  }

  get isUp(): boolean {
    return this.node !== undefined;
  }

  /** Takes everything of this member's current life away. */
  forgetLife(): void {
    this.node = undefined;
    this.life++;
    this.isBusy = false;
    this.isFrozen = false;
    this.writing = [];
    this.applying = [];
    this.inHand = 0;
    this.appliesUntil = 0;
    this.answers = [];
    this.answersUntil = 0;
    this.seenState = 'StateFollower';
    this.seenTerm = 0;
    this.seenCommit = 0;
    this.seenApplied = 0;
    this.shownCommit = 0;
    this.leadsTerm = 0;
    this.led = undefined;
    this.handedTerm = 0;
  }
}
