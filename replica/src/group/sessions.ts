/**
 * Sessions make a retry safe: a client numbers its commands, and the state machine's side remembers what came of each
 * number, so that the second copy of a command is answered and not applied. All of it is replicated state, changed only
 * by entries of the log: what is forgotten, and when, follows from indexes, never from a clock, and is the same
 * everywhere.
 */

/** How many sessions are remembered. Opening one more forgets the one that was used least recently, by index. */
export const MAX_SESSIONS = 4096;
/** How many answers a session keeps that its client has not acknowledged. One more forgets the oldest. */
export const MAX_ANSWERS = 256;
/** A session that was not used for so many entries is forgotten when the next one is opened. */
export const SESSION_ENTRIES = 1_000_000;

/** What came of a command: its encoded result, or the text of what the state machine threw. */
export interface Answer {
  readonly index: number;
  readonly term: number;
  readonly result?: Uint8Array;
  readonly failure?: string;
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

/** May this command be applied? If not, here is its answer, unless that was forgotten. */
export type SessionVerdict = 'apply' | 'expired' | Answer;

interface Session {
  /** Index of its last entry. */
  used: number;
  /** Below this number every command is answered, or forgotten. */
  floor: number;
  readonly answers: Map<number, Answer>;
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

  get size(): number {
    return this.sessions.size;
  }

  /** Opens the session whose id is this index. */
  open(index: number): void {
    for (const [id, { used }] of this.sessions) {
      if (this.sessions.size < MAX_SESSIONS && used + SESSION_ENTRIES > index) break;
      this.sessions.delete(id);
    }
    this.sessions.set(index, { used: index, floor: 1, answers: new Map() });
  }

  /** What to do with the command at this place, whose entry stands at `index`. */
  judge({ session, sequence, acknowledged }: SessionPlace, index: number): SessionVerdict {
    const known = this.sessions.get(session);
    if (known === undefined) return 'expired';
    known.used = index;
    // Map keeps the order of insertion: the one that is used goes to the end.
    this.sessions.delete(session);
    this.sessions.set(session, known);
    const answer = known.answers.get(sequence);
    if (answer === undefined && sequence < known.floor) return 'expired';
    if (acknowledged > known.floor) {
      known.floor = acknowledged;
      for (const number of known.answers.keys()) if (number < acknowledged) known.answers.delete(number);
    }
    return answer ?? 'apply';
  }

  /** Keeps the answer of a command that was applied. */
  keep({ session, sequence }: SessionPlace, answer: Answer): void {
    const known = this.sessions.get(session);
    if (known === undefined) return;
    known.answers.set(sequence, answer);
    if (known.answers.size <= MAX_ANSWERS) return;
    const oldest = Math.min(...known.answers.keys());
    known.answers.delete(oldest);
    known.floor = Math.max(known.floor, oldest + 1);
  }

  records(): SessionRecord[] {
    return [...this.sessions].map(([id, { used, floor, answers }]) => ({ id, used, floor, answers: [...answers] }));
  }

  restore(records: readonly SessionRecord[]): void {
    this.sessions.clear();
    for (const { id, used, floor, answers } of records) {
      this.sessions.set(id, { used, floor, answers: new Map(answers) });
    }
  }
}
