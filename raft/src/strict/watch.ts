import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  messageName,
  type NodeId,
} from '@raft-ts/proto';
import { isConfChangeEntry } from '../confchange/conf-change.js';
import type { Ready } from '../ready.js';
import type { Storage } from '../storage.js';
import { Bytes } from './bytes.js';
import { StrictError, type StrictRule } from './rules.js';
import { checkSaved, type Write } from './saved.js';

/** A Ready, or a message to the append thread, whose work is not done as far as can be seen. */
interface Handed extends Write {
  /** Membership changes among its committed entries that were not carried out yet. */
  changes: number;
  isSaved: boolean;
}

/** A message to a storage thread, with what is to be stepped when it is done. */
interface Work {
  readonly write: Write | undefined;
  readonly responses: Set<Message>;
}

export interface WatchOptions {
  readonly isAsync: boolean;
  /** A snapshot must be reported within so many ticks. */
  readonly snapshotTicks: number;
}

const { MsgApp, MsgSnap, MsgStorageAppend, MsgStorageAppendResp, MsgStorageApplyResp } = MessageType;

/** Follows what a program does with the Readys of one member, and throws at the first duty that is not done. */
export class Watch {
  private readonly storage: Storage;
  private readonly options: WatchOptions;
  private readonly bytes: Bytes = new Bytes();
  /** The Ready that waits for `advance()`. */
  private open: Handed | undefined;
  /** Work of the two storage threads whose responses have not all been delivered, oldest first. */
  private appends: Work[] = [];
  private applies: Work[] = [];
  /** Ticks since snapshots were sent, by whom they were sent to. */
  private readonly snapshots: Map<NodeId, number[]> = new Map();

  constructor(storage: Storage, options: WatchOptions) {
    this.storage = storage;
    this.options = options;
  }

  // Inputs of the member.

  tick(): void {
    for (const [id, ages] of this.snapshots) {
      for (let i = 0; i < ages.length; i++) {
        const age = (ages[i] as number) + 1;
        ages[i] = age;
        if (age <= this.options.snapshotTicks) continue;
        throw new StrictError(
          'snapshot-reported',
          `The snapshot for member ${id} was sent ${age} ticks ago, and not reported`,
        );
      }
    }
  }

  propose(data: Uint8Array): void {
    this.bytes.propose(data);
  }

  refused(data: Uint8Array): void {
    this.bytes.forget(data);
  }

  reported(id: NodeId): void {
    const ages = this.snapshots.get(id);
    if (ages === undefined) {
      throw new StrictError('snapshot-reported-once', `A snapshot for member ${id} is reported, but none is under way`);
    }
    ages.shift();
    if (ages.length === 0) this.snapshots.delete(id);
  }

  changed(): void {
    if (this.open !== undefined && this.open.changes > 0) this.open.changes--;
  }

  /** A message is stepped: it may be the answer of a storage thread. */
  stepped(m: Message): void {
    if (m.type === MsgStorageAppendResp) this.answered(this.appends, m, 'append');
    else if (m.type === MsgStorageApplyResp) this.answered(this.applies, m, 'apply');
  }

  private answered(works: Work[], m: Message, thread: string): void {
    const at = works.findIndex(({ responses }) => responses.has(m));
    const [oldest] = works;
    if (at < 0 || oldest === undefined) {
      throw new StrictError(
        'answers-in-order',
        `An answer of the ${thread} thread is stepped twice, or was never handed out`,
      );
    }
    const isAhead = works.slice(0, at).some(({ responses }) => [...responses].some(({ type }) => type === m.type));
    if (isAhead) throw new StrictError('answers-in-order', `An answer of the ${thread} thread overtakes an older one`);
    this.checkWork(works, at, 'An answer of the append thread is stepped');
    this.delivered(works, at, m);
  }

  private checkWork(works: readonly Work[], at: number, when: string): void {
    const write = works[at]?.write;
    if (write === undefined) return;
    const later = works.slice(at + 1).flatMap((work) => work.write ?? []);
    checkSaved(this.storage, write, { rule: 'saved-before-sent', when, later });
  }

  private delivered(works: Work[], at: number, m: Message): void {
    const work = works[at] as Work;
    work.responses.delete(m);
    if (work.responses.size === 0) works.splice(at, 1);
  }

  // What the member hands out.

  /** Is it time to ask for a Ready? */
  asking(): void {
    if (this.open === undefined) return;
    throw new StrictError(
      'no-ready-skipped',
      'The next Ready is asked for before advance() was called for the last one',
    );
  }

  handedOut(rd: Ready): void {
    this.bytes.checkProposals();
    this.bytes.check(rd.committedEntries, 'applied');
    if (rd.snapshot !== undefined) this.bytes.covered(rd.snapshot.metadata.index);
    this.bytes.handOut(rd.entries);
    this.bytes.applied(rd.committedEntries);
    const local = rd.messages.filter(isLocal);
    if (this.options.isAsync) {
      for (const m of local) this.work(m);
      return;
    }
    if (local.length > 0) {
      throw new StrictError('mode-as-configured', 'The member has asyncStorageWrites, and strict() was not told');
    }
    const { hardState, entries, snapshot, committedEntries } = rd;
    this.open = {
      hardState,
      entries,
      snapshot,
      changes: committedEntries.filter(isConfChangeEntry).length,
      isSaved: false,
    };
  }

  private work(m: Message): void {
    const isAppend = m.type === MsgStorageAppend;
    const { term, vote, commit, entries, snapshot } = m;
    const write = isAppend ? { hardState: { term, vote, commit }, entries, snapshot } : undefined;
    // Without a response nothing tells when it is done; but what it replaces must be known.
    const works = isAppend ? this.appends : this.applies;
    if (m.responses.length > 0 || works.length > 0) works.push({ write, responses: new Set(m.responses) });
    while (works[0]?.responses.size === 0) works.shift();
  }

  // What the program does.

  advancing(): void {
    if (this.options.isAsync) throw new StrictError('never-advance', 'advance() is called');
    const { open } = this;
    if (open === undefined)
      throw new StrictError('advance-once', 'advance() is called, and no Ready is being worked on');
    this.check(open, 'saved-before-advance', 'advance() is called');
    if (open.changes > 0) {
      throw new StrictError(
        'changes-carried-out',
        `advance() is called, and ${open.changes} membership changes of the Ready were not carried out`,
      );
    }
    this.open = undefined;
  }

  private check(open: Handed, rule: StrictRule, when: string): void {
    if (!open.isSaved) checkSaved(this.storage, open, { rule, when, later: [] });
    open.isSaved = true;
  }

  sending(messages: readonly Message[]): void {
    for (const m of messages) {
      if (isLocal(m))
        throw new StrictError('local-messages-stay', `A ${messageName(m.type)} is handed to the transport`);
      this.checkPromise(m);
      if (m.type === MsgApp) this.checkBytes(m.entries);
      if (m.type === MsgSnap) this.snapshots.set(m.to, [...(this.snapshots.get(m.to) ?? []), 0]);
    }
  }

  private checkBytes(entries: readonly Entry[]): void {
    this.bytes.check(entries, 'sent');
  }

  private checkPromise(m: Message): void {
    const when = `A ${messageName(m.type)} for member ${m.to} leaves`;
    // A leader may send its appends while it writes: it counts itself only when it has.
    if (this.open !== undefined && m.type !== MsgApp) this.check(this.open, 'saved-before-sent', when);
    if (!this.options.isAsync) return;
    const at = this.appends.findIndex(({ responses }) => responses.has(m));
    if (at < 0) return;
    this.checkWork(this.appends, at, when);
    this.delivered(this.appends, at, m);
  }
}

function isLocal({ to }: Message): boolean {
  return to === LOCAL_APPEND_THREAD || to === LOCAL_APPLY_THREAD;
}
