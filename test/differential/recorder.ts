import { type Answer, Session } from './session.js';

/** A session, and what this side answers to it. */
export interface PlayedSession {
  /** The lines for the other side; those that it is to try out begin with "?". */
  readonly lines: readonly string[];
  /** The answers to those that do not. */
  readonly expected: string;
  /** Why each of those that do was refused. */
  readonly refusals: readonly string[];
  /** How many lines were inputs to a member. */
  readonly inputs: number;
  /** How many of them changed what a member knows. */
  readonly changed: number;
  readonly panicked: boolean;
}

/** This side failed in a way that is no answer. */
export class SessionCrash extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[], cause: unknown) {
    super(`line ${lines.length}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, {
      cause,
    });
    this.lines = lines;
  }
}

/** Keeps what is said while a session is driven. */
export class Recorder {
  readonly session: Session = new Session();
  readonly lines: string[] = [];
  readonly refusals: string[] = [];
  #expected = '';
  #changed = 0;
  panicked = false;

  say(line: string): Answer {
    let answer: Answer;
    try {
      answer = this.session.answer(line);
    } catch (error) {
      throw new SessionCrash([...this.lines, line], error);
    }
    this.lines.push(answer.kind === 'refused' ? `?${line}` : line);
    if (answer.kind === 'refused') {
      this.refusals.push(answer.reason);
    } else {
      this.#expected += answer.text;
      if (answer.kind === 'panic') this.panicked = true;
      else if (answer.changed) this.#changed++;
    }
    return answer;
  }

  get played(): PlayedSession {
    const { lines, refusals, panicked } = this;
    // The first line is the seed of the draws.
    return { lines, expected: this.#expected, refusals, inputs: lines.length - 1, changed: this.#changed, panicked };
  }
}
