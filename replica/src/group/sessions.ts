import { SlidingList } from '@raft-ts/proto/internal';

/**
 * Sessions make a retry safe: a client numbers its commands, and the state machine's side remembers what came of each
 * number, so that the second copy of a command is answered and not applied. All of it is replicated state, changed only
 * by entries of the log: what is forgotten, and when, follows from indexes, never from a clock, and is the same
 * everywhere.
 *
 * Whether a command is applied depends on numbers alone, never on the bytes of results: members whose results differ,
 * as those of a state machine that was durable by itself may, still apply the same commands.
 */

/** How many sessions are remembered. Opening one more forgets the one that was used least recently, by index. */
export const MAX_SESSIONS = 4096;
/** How many answers a session keeps that its client has not acknowledged. One more forgets the oldest. */
export const MAX_ANSWERS = 256;
/** How many answers all sessions keep together. One more forgets the oldest, by index. */
export const MAX_ALL_ANSWERS = 65_536;
/** Bytes of all results that are kept. Beyond that the oldest are forgotten; that they were there is not. */
export const MAX_ANSWERS_BYTES: number = 32 * 2 ** 20;
/** A result that is longer is not kept at all. */
export const MAX_ANSWER_BYTES: number = 2 ** 20;
/** A session that was not used for so many entries is forgotten when the next one is opened. */
export const SESSION_ENTRIES = 1_000_000;

/** What came of a command: its encoded result, or the text of what the state machine threw. */
export interface Answer {
  readonly index: number;
  readonly term: number;
  readonly result?: Uint8Array;
  readonly failure?: string;
  /** It was applied, but what came of it is not known any more. */
  readonly forgotten?: true;
}

/** A command's place in its session. */
export interface SessionPlace {
  /** The index of the entry that opened it. */
  readonly session: number;
  /** Counts up from 1. */
  readonly sequence: number;
  /** The client has the answers to all commands below this number. */
  readonly acknowledged: number;
}

/**
 * May this command be applied? If not, here is its answer. `expired`: the session is unknown; nothing is known of what
 * came of earlier copies. `passed`: it may have been applied, and its answer was acknowledged or forgotten.
 */
export type SessionVerdict = 'apply' | 'expired' | 'passed' | Answer;

interface Session {
  /** Index of its last entry. */
  used: number;
  /** Below this number every command is answered, or forgotten. */
  floor: number;
  readonly answers: Map<number, Kept>;
}

/** An answer that is kept, and where. */
interface Kept {
  readonly session: number;
  readonly sequence: number;
  answer: Answer;
}

/** A session in a snapshot. */
export interface SessionRecord {
  readonly id: number;
  readonly used: number;
  readonly floor: number;
  readonly answers: readonly (readonly [sequence: number, answer: Answer])[];
}

/** The replicated table of sessions, least recently used first. */
export class Sessions {
  private readonly sessions = new Map<number, Session>();
  /** All answers, oldest first, those among them that were dropped meanwhile; bounds are kept by forgetting these. */
  private readonly byAge = new SlidingList<Kept>();
  /** Where the first of `byAge` stands whose bytes are kept: what comes before it was forgotten already. */
  private firstWithBytes = 0;
  private answers = 0;
  private answersBytes = 0;

  get size(): number {
    return this.sessions.size;
  }

  /** Answers that are kept, of all sessions. */
  get answerCount(): number {
    return this.answers;
  }

  /** Bytes of the results among them. */
  get answerBytes(): number {
    return this.answersBytes;
  }

  /** Opens the session whose id is this index. */
  open(index: number): void {
    for (const [id, session] of this.sessions) {
      if (this.sessions.size < MAX_SESSIONS && session.used + SESSION_ENTRIES > index) break;
      this.sessions.delete(id);
      for (const kept of session.answers.values()) this.uncount(kept);
    }
    this.sessions.set(index, { used: index, floor: 1, answers: new Map() });
    this.release();
  }

  /** What to do with the command at this place, whose entry stands at `index`. */
  judge({ session, sequence, acknowledged }: SessionPlace, index: number): SessionVerdict {
    const known = this.sessions.get(session);
    if (known === undefined) return 'expired';
    known.used = index;
    // Map keeps the order of insertion: the one that is used goes to the end.
    this.sessions.delete(session);
    this.sessions.set(session, known);
    const kept = known.answers.get(sequence);
    const passed = sequence < known.floor;
    this.acknowledge(known, acknowledged);
    if (kept !== undefined) return kept.answer;
    return passed ? 'passed' : 'apply';
  }

  private acknowledge(session: Session, acknowledged: number): void {
    if (acknowledged <= session.floor) return;
    session.floor = acknowledged;
    for (const [sequence, kept] of session.answers) {
      if (sequence >= acknowledged) continue;
      session.answers.delete(sequence);
      this.uncount(kept);
    }
    this.release();
  }

  /** Keeps the answer of a command that was applied: it is the newest of all. */
  keep({ session, sequence }: SessionPlace, answer: Answer): void {
    const known = this.sessions.get(session);
    if (known === undefined) return;
    this.add(known, { session, sequence, answer: bytesOf(answer) > MAX_ANSWER_BYTES ? forgotten(answer) : answer });
    if (known.answers.size > MAX_ANSWERS) {
      let oldest = sequence;
      for (const number of known.answers.keys()) oldest = Math.min(oldest, number);
      this.drop(known.answers.get(oldest) as Kept);
    }
    this.bound();
  }

  private add(session: Session, kept: Kept): void {
    session.answers.set(kept.sequence, kept);
    this.byAge.push(kept);
    this.answers++;
    this.answersBytes += bytesOf(kept.answer);
  }

  private bound(): void {
    while (this.answers > MAX_ALL_ANSWERS) {
      const oldest = this.byAge.at(0) as Kept;
      if (this.isKept(oldest)) this.drop(oldest);
      else this.dropFront();
    }
    while (this.answersBytes > MAX_ANSWERS_BYTES) {
      const oldest = this.byAge.at(this.firstWithBytes++) as Kept;
      if (!this.isKept(oldest)) continue;
      this.answersBytes -= bytesOf(oldest.answer);
      oldest.answer = forgotten(oldest.answer);
    }
    this.release();
  }

  /** Forgets that a command was applied, and that none below it may be from now on. */
  private drop(kept: Kept): void {
    const session = this.sessions.get(kept.session) as Session;
    session.answers.delete(kept.sequence);
    session.floor = Math.max(session.floor, kept.sequence + 1);
    this.uncount(kept);
  }

  private uncount({ answer }: Kept): void {
    this.answers--;
    this.answersBytes -= bytesOf(answer);
  }

  private isKept(kept: Kept): boolean {
    return this.sessions.get(kept.session)?.answers.get(kept.sequence) === kept;
  }

  private dropFront(): void {
    this.byAge.dropFront(1);
    this.firstWithBytes = Math.max(0, this.firstWithBytes - 1);
  }

  /** Lets go of dropped answers: at the front, and all of them once they are the most of what is held. */
  private release(): void {
    for (let first = this.byAge.at(0); first !== undefined && !this.isKept(first); first = this.byAge.at(0)) {
      this.dropFront();
    }
    if (this.byAge.length <= 2 * this.answers + MAX_ANSWERS) return;
    const kept = this.byAge.slice().filter((one) => this.isKept(one));
    this.byAge.clear();
    for (const one of kept) this.byAge.push(one);
    this.firstWithBytes = 0;
  }

  /** As they are now: later changes do not show in it. */
  records(): SessionRecord[] {
    return [...this.sessions].map(([id, { used, floor, answers }]) => ({
      id,
      used,
      floor,
      answers: [...answers].map(([sequence, { answer }]) => [sequence, answer]),
    }));
  }

  restore(records: readonly SessionRecord[]): void {
    this.sessions.clear();
    this.byAge.clear();
    this.firstWithBytes = 0;
    this.answers = 0;
    this.answersBytes = 0;
    const all: { readonly session: Session; readonly kept: Kept }[] = [];
    for (const { id, used, floor, answers } of records) {
      const session: Session = { used, floor, answers: new Map() };
      this.sessions.set(id, session);
      for (const [sequence, answer] of answers) all.push({ session, kept: { session: id, sequence, answer } });
    }
    // The order in which they were given, here and on the member that took the snapshot.
    for (const { session, kept } of all.sort((a, b) => a.kept.answer.index - b.kept.answer.index)) {
      this.add(session, kept);
    }
  }
}

function bytesOf({ result, failure }: Answer): number {
  return (result?.length ?? 0) + (failure?.length ?? 0);
}

function forgotten({ index, term }: Answer): Answer {
  return { index, term, forgotten: true };
}
