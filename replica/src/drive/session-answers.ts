import type { Codec } from '../base/codec.js';
import type { Position } from '../base/contracts.js';
import { CommandFailed, describe, ProposalDropped, ProposalUnknown } from '../base/errors.js';
import type { SessionPlace, Sessions, SessionVerdict } from '../group/sessions.js';
import type { Applied } from './waiting-proposals.js';

/** What a command came to: nothing is made of it for whom nobody asks. */
export type Came<Result> = { readonly result: Result } | { readonly thrown: unknown };

export interface SessionAnswersHost<Result> {
  readonly sessions: Sessions;
  /** How results are kept. */
  readonly results: Codec<Result>;
  /** What a throw comes to. @throws what ends this member, if that is what it means */
  readonly failed: (error: unknown, index: number) => { readonly thrown: unknown };
}

/** What came of the commands of sessions: kept with them, and told again to whoever asks again. */
export class SessionAnswers<Result> {
  private readonly host: SessionAnswersHost<Result>;

  constructor(host: SessionAnswersHost<Result>) {
    this.host = host;
  }

  /** Keeps what a command came to. @returns what it came to: what cannot be kept is a failure */
  keep(place: SessionPlace, came: Came<Result>, { index, term }: Position): Came<Result> {
    const { sessions, results, failed } = this.host;
    if ('thrown' in came) {
      sessions.keep(place, { index, term, failure: describe(came.thrown) });
      return came;
    }
    let encoded: Uint8Array;
    try {
      encoded = results.encode(came.result);
    } catch (error) {
      // A result that cannot be kept could not be told again; so the command came to this, on every member alike.
      return this.keep(place, failed(error, index), { index, term });
    }
    sessions.keep(place, { index, term, result: encoded });
    return came;
  }

  /** The state held this command before this member started: what came of it is not known. */
  passOver(place: SessionPlace, { index, term }: Position): void {
    this.host.sessions.keep(place, { index, term, forgotten: true });
  }

  /** What is known of a command that is not applied again. */
  remembered(verdict: Exclude<SessionVerdict, 'apply'>, { session, sequence }: SessionPlace): Applied {
    const detail = `session ${session}, command ${sequence}`;
    if (verdict === 'expired') return { error: new ProposalDropped('session-expired', detail) };
    if (verdict === 'passed') return { error: new ProposalUnknown('session-expired', detail) };
    const { index, term, result, failure, forgotten } = verdict;
    if (forgotten === true) return { error: new ProposalUnknown('result-forgotten', `at index ${index}, ${detail}`) };
    if (failure !== undefined) return { error: new CommandFailed({ index, term }, failure) };
    try {
      const value = result === undefined ? undefined : this.host.results.decode(result);
      return { value: { index, term, result: value } };
    } catch (cause) {
      return { error: new ProposalUnknown('result-forgotten', `${detail}: the codec cannot read it`, cause) };
    }
  }
}
