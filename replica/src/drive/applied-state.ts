import { isCoded } from '@raft-ts/proto/internal';
import {
  type AnyConfChange,
  type ConfState,
  type Entry,
  EntryType,
  isConfChangeEntry,
  RaftError,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/raft';
import type { Codec } from '../base/codec.js';
import type { Position, StateMachine } from '../base/contracts.js';
import { CommandFailed, describe, ERR_STATE_MACHINE, ProposalDropped, ProposalUnknown } from '../base/errors.js';
import { type CommandReader, commandReader } from '../format/default-format.js';
import type { DecodedEntry, EntryContent, Format, RequestId } from '../format/format.js';
import type { Group, SnapshotHead } from '../group/group.js';
import type { SessionPlace } from '../group/sessions.js';
import type { Patience } from './patience.js';
import type { Proposals } from './proposals.js';
import { type Came, SessionAnswers } from './session-answers.js';
import type { StateHashes } from './state-hashes.js';
import type { Applied, Pending } from './waiting-proposals.js';

export interface AppliedStateOptions<Command, Result> {
  readonly stateMachine: StateMachine<Command, Result>;
  readonly format: Format<Command>;
  /** How results are kept in sessions, and so in snapshots. */
  readonly results: Codec<Result>;
  readonly group: Group;
  readonly proposals: Pick<Proposals, 'appliedAt' | 'find' | 'answer' | 'resolve'>;
  readonly boot: number;
  readonly patience: Pick<Patience, 'begin' | 'end'>;
  /** What a throw of the state machine means: the command's result, or this member's end. */
  readonly applyErrors: 'result' | 'stop';
  /** Remembers what commands come to, if states are compared. */
  readonly hashes?: StateHashes<Result> | undefined;
  readonly warn: (text: string) => void;
  /** More features are open. */
  readonly onFeatures: () => void;
  /** Carries out a committed membership change. */
  readonly applyConfChange: (entry: Entry) => CarriedOut;
  /** The membership has changed, by an entry or by a snapshot. */
  readonly onMembership: (confState: ConfState) => void;
}

/** What a committed membership change came to. */
export interface CarriedOut {
  readonly confState: ConfState;
  /** `undefined` if no member can carry it out: it then changes nothing anywhere. */
  readonly change: AnyConfChange | undefined;
}

/**
 * What the log has made of this member: its state machine, the sessions and features of the group, and the membership.
 * Says what each committed entry does to it, and tells whoever proposed it; `applier.ts` decides when.
 */
export class AppliedState<Command, Result> {
  private readonly options: AppliedStateOptions<Command, Result>;
  /** The membership as of the last entry that was applied. */
  confState: ConfState;
  /** Commands up to here are in the state already. */
  private readonly durableIndex: number;
  private readonly answers: SessionAnswers<Result>;
  private readonly reader: CommandReader<Command> | undefined;

  constructor(
    options: AppliedStateOptions<Command, Result>,
    from: { readonly applied: Position; readonly confState: ConfState },
  ) {
    this.options = options;
    this.confState = from.confState;
    this.durableIndex = options.stateMachine.appliedIndex ?? 0;
    this.reader = commandReader(options.format);
    const failed = (error: unknown, index: number): { readonly thrown: unknown } => this.failed(error, index);
    options.hashes?.restart(Math.max(from.applied.index, this.durableIndex));
    this.answers = new SessionAnswers({ sessions: options.group.sessions, results: options.results, failed });
  }

  /** Does what this entry says. The next one waits for the promise, if there is one. */
  apply(entry: Entry): Promise<void> | undefined {
    const { proposals } = this.options;
    const { index, term, data } = entry;
    const own = proposals.appliedAt(index, term);
    if (isConfChangeEntry(entry)) {
      this.changeMembership(entry);
      return undefined;
    }
    if (data === undefined || data.length === 0) {
      if (own !== undefined) proposals.answer(own, { value: { index, term } });
      return undefined;
    }
    const { reader } = this;
    if (reader?.reads(data) === true && isNormal(entry)) return this.applyCommand(reader, entry, data, own);
    const decoded = this.decode(entry, data);
    if (decoded === undefined) return this.unreadable(entry, own);
    const asked = own ?? this.forwarded(decoded.request);
    return this.carryOut(decoded.content, entry, asked);
  }

  private applyCommand(
    reader: CommandReader<Command>,
    entry: Entry,
    data: Uint8Array,
    own: Pending | undefined,
  ): Promise<void> | undefined {
    let command: Command;
    try {
      command = reader.command(data);
    } catch (error) {
      this.skipped(entry, describe(error));
      return this.unreadable(entry, own);
    }
    let asked = own;
    if (asked === undefined && reader.boot(data) === this.options.boot) {
      asked = this.options.proposals.find(reader.sequence(data));
    }
    return this.run(command, entry, asked, undefined);
  }

  private unreadable(entry: Entry, own: Pending | undefined): undefined {
    const { proposals } = this.options;
    const why = 'no member can read it: do all use the same format and codec?';
    if (own !== undefined) proposals.answer(own, { error: new CommandFailed(entry, why) });
  }

  /** Bytes that no member could have written must not stop the cluster: every member skips them alike. */
  private decode(entry: Entry, data: Uint8Array): DecodedEntry<Command> | undefined {
    let why = 'it is not of this format';
    if (isNormal(entry)) {
      try {
        const decoded = this.options.format.decode(data);
        if (decoded !== undefined) return decoded;
      } catch (error) {
        why = describe(error);
      }
    }
    this.skipped(entry, why);
    return undefined;
  }

  private skipped({ index }: Entry, why: string): void {
    this.options.warn(
      `skipped the entry at index ${index}, on every member alike: ${why}. Do all members use the same format and codec?`,
    );
  }

  private forwarded(request: RequestId | undefined): Pending | undefined {
    if (request?.boot !== this.options.boot) return undefined;
    return this.options.proposals.find(request.sequence);
  }

  private carryOut(content: EntryContent<Command>, at: Entry, asked: Pending | undefined): Promise<void> | undefined {
    const { group, format } = this.options;
    if (content.kind === 'open-session' && format.sessionsNeedFeatures === true && group.features === 0) {
      if (asked !== undefined) this.options.proposals.answer(asked, { error: new ProposalDropped('features') });
      return undefined;
    }
    if (content.kind !== 'command') {
      const result = this.changeGroup(content, at);
      if (asked !== undefined) {
        this.options.proposals.answer(asked, { value: { index: at.index, term: at.term, result } });
      }
      return undefined;
    }
    const { command, place } = content;
    if (place !== undefined && !this.isDue(place, at, asked)) return undefined;
    return this.run(command, at, asked, place);
  }

  private changeGroup(
    content: Exclude<EntryContent<Command>, { kind: 'command' }>,
    { index, term }: Position,
  ): unknown {
    const { group } = this.options;
    switch (content.kind) {
      case 'open-session':
        group.sessions.open(index);
        return index;
      case 'reserve-id':
        return group.reserveId();
      case 'promise':
        group.promising.add(content.member);
        return undefined;
      case 'features':
        if (group.openFeatures(content, term)) this.options.onFeatures();
        return undefined;
      case 'state-hashes':
        this.options.hashes?.check(content, index);
        return undefined;
    }
  }

  /** Is this command of a session to be applied? If not, whoever asked is told what is known of it. */
  private isDue(place: SessionPlace, at: Position, asked: Pending | undefined): boolean {
    const { group, proposals } = this.options;
    const verdict = group.sessions.judge(place, at.index);
    if (verdict === 'apply') return true;
    if (asked !== undefined) proposals.answer(asked, this.answers.remembered(verdict, place));
    return false;
  }

  /** Tells whoever asked what came of a command, and a session, if it is of one. */
  private done(came: Came<Result>, at: Entry, asked: Pending | undefined, place: SessionPlace | undefined): void {
    if (at.data !== undefined) this.options.hashes?.note(at, at.data, came);
    const kept = place === undefined ? came : this.answers.keep(place, came, at);
    if (asked === undefined) return;
    const { index, term } = at;
    const applied: Applied =
      'result' in kept
        ? { value: { index, term, result: kept.result } }
        : { error: new CommandFailed(at, describe(kept.thrown), kept.thrown) };
    this.options.proposals.answer(asked, applied);
  }

  /**
   * Hands a command to the state machine.
   * @param asked whoever asked for it, on this member
   */
  private run(
    command: Command,
    at: Entry,
    asked: Pending | undefined,
    place: SessionPlace | undefined,
  ): Promise<void> | undefined {
    const { stateMachine, group, hashes } = this.options;
    const { index, term } = at;
    if (index <= this.durableIndex) {
      this.passOver(at, asked, place);
      return undefined;
    }
    let result: Result | Promise<Result>;
    try {
      result = stateMachine.apply(command, { index, term, features: group.features });
    } catch (error) {
      this.done(this.failed(error, index), at, asked, place);
      return undefined;
    }
    if (isPromise(result)) return this.awaitResult(result, at, asked, place);
    if (place !== undefined || hashes !== undefined) this.done({ result }, at, asked, place);
    else if (asked !== undefined) this.options.proposals.resolve(asked, { index, term, result });
    return undefined;
  }

  /** The state holds this command already, and what came of it is not known any more. */
  private passOver({ index, term }: Position, asked: Pending | undefined, place: SessionPlace | undefined): void {
    if (place !== undefined) this.answers.passOver(place, { index, term });
    if (asked === undefined) return;
    const detail = `at index ${index}, before this member started`;
    this.options.proposals.answer(asked, { error: new ProposalUnknown('result-forgotten', detail) });
  }

  private async awaitResult(
    promise: Promise<Result>,
    at: Entry,
    asked: Pending | undefined,
    place: SessionPlace | undefined,
  ): Promise<void> {
    const { patience } = this.options;
    let result: Result;
    patience.begin('apply', at.index);
    try {
      result = await promise;
    } catch (error) {
      this.done(this.failed(error, at.index), at, asked, place);
      return;
    } finally {
      patience.end();
    }
    this.done({ result }, at, asked, place);
  }

  /** What a throw of the state machine comes to. @throws what ends this member, if that is what it means */
  private failed(thrown: unknown, index: number): { readonly thrown: unknown } {
    if (this.options.applyErrors === 'stop') {
      throw new RaftError(
        ERR_STATE_MACHINE,
        `the state machine threw at index ${index}, and this member ends, since it cannot know whether the others threw too: ${describe(thrown)}. Mend apply(), or pass applyErrors: 'result' if it throws for what a command asks, and the same on every member`,
        { reason: 'apply', cause: thrown },
      );
    }
    return { thrown };
  }

  private changeMembership(entry: Entry): void {
    const { confState, change } = this.options.applyConfChange(entry);
    if (change === undefined) return;
    this.options.group.applyChange(change, confState);
    this.confState = confState;
    this.options.onMembership(confState);
  }

  /** Hands the state of a snapshot to the state machine. Returns the rest of it, for `adopt`. */
  async load({ metadata }: Snapshot, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotHead> {
    const { format, stateMachine, patience } = this.options;
    const { index, term } = metadata;
    const { state, head } = await format.unwrap(chunks);
    if (index > this.durableIndex) {
      patience.begin('restore', index);
      try {
        await stateMachine.restore(state, { index, term });
      } catch (error) {
        throw await this.failedRestore(error, index, head);
      } finally {
        patience.end();
      }
    }
    return head();
  }

  /** Takes over sessions, features and membership of a snapshot whose state has been loaded. */
  adopt({ index, confState }: SnapshotMetadata, head: SnapshotHead): void {
    const { group, hashes } = this.options;
    group.restore(head);
    this.confState = confState;
    hashes?.restart(Math.max(index, this.durableIndex));
  }

  /** What is wrong with the snapshot keeps its code, or gets one; anything else is the state machine's. */
  private async failedRestore(error: unknown, index: number, check: () => Promise<unknown>): Promise<unknown> {
    if (isCoded(error)) return error;
    try {
      // A state machine may stumble over damaged bytes before whoever sums them up is at their end.
      await check();
    } catch (damage) {
      if (isCoded(damage)) return damage;
    }
    return new RaftError(
      ERR_STATE_MACHINE,
      `restore() of the state machine failed for the snapshot at index ${index}: ${describe(error)}. Mend it, and start again`,
      { reason: 'restore', cause: error },
    );
  }
}

function isNormal({ type }: Entry): boolean {
  return type === undefined || type === EntryType.EntryNormal;
}

/** Does this have to be waited for? */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
