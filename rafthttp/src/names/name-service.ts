import type { LookupAddress, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { hasCode } from '@raft-ts/proto/internal';
import { MAX_LOOKUPS, MAX_REMEMBERED_NAMES, NAME_DEADLINE_MS, NAME_LATE_MS } from '../base/limits.js';
import { byTimer, type Schedule } from '../base/schedule.js';

/** Looks up the addresses of a name: at least one, or an error. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

export interface NameServiceOptions {
  /** The system's look-up. It cannot be cancelled, and may take very long. */
  readonly system: Resolve;
  /** Used while the system's look-up is late. It needs no thread, and has a timeout of its own. */
  readonly fallback: Resolve;
  readonly schedule?: Schedule;
}

type Answer = (error: NodeJS.ErrnoException | undefined, addresses: readonly LookupAddress[]) => void;

/** A look-up in progress, shared by everyone who asks for the name meanwhile. */
interface Question {
  readonly name: string;
  /** Those who wait, each with the function that cancels its timeout. */
  readonly waiting: Map<Answer, () => void>;
  /** Has the system been asked? */
  running: boolean;
  late: boolean;
  /** Is the fallback running? */
  fallingBack: boolean;
}

/**
 * Looks up names so that one that is never answered does not block others. The system's look-up occupies one of the
 * process's few threads for as long as the name servers are silent, and cannot be cancelled. So there is one look-up
 * per name and two in total, of which names that were late before get only one. While a look-up is late, the address
 * found before is used, or what the fallback finds.
 */
export class NameService {
  private readonly options: Required<NameServiceOptions>;
  private readonly questions = new Map<string, Question>();
  /** The addresses found last, in order of age, oldest first. */
  private readonly remembered = new Map<string, readonly LookupAddress[]>();
  /** Names for which the system was late the last time. */
  private readonly slow = new Set<string>();
  private running = 0;
  private slowRunning = 0;

  constructor(options: NameServiceOptions) {
    this.options = { schedule: byTimer, ...options };
  }

  /** As `dns.lookup`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.ask(name, (error, addresses) => {
      if (error !== undefined) return callback(error, []);
      const fitting = addresses.filter(({ family }) => isWanted(family, options));
      const [first] = fitting;
      if (first === undefined) return callback(nameError('ENOTFOUND', `${name} has no address of this family`), []);
      if (options.all === true) callback(null, fitting);
      else callback(null, first.address, first.family);
    });
  };

  /** Number of names that are being looked up or waiting to be. */
  get waits(): number {
    return this.questions.size;
  }

  private ask(name: string, answer: Answer): void {
    const question = this.questions.get(name) ?? this.begin(name);
    const known = this.remembered.get(name);
    if (question.late && known !== undefined) {
      // Never within the call: a socket is not ready for an immediate answer.
      queueMicrotask(() => answer(undefined, known));
      return;
    }
    if (question.late) void this.fallBack(question);
    const expire = (): void => {
      question.waiting.delete(answer);
      if (question.waiting.size === 0 && !question.running) this.questions.delete(name);
      const seconds = NAME_DEADLINE_MS / 1000;
      answer(nameError('ETIMEDOUT', `the name service has not answered for ${name} within ${seconds} s`), []);
    };
    question.waiting.set(answer, this.options.schedule(expire, NAME_DEADLINE_MS));
  }

  private begin(name: string): Question {
    const question: Question = { name, waiting: new Map(), running: false, late: false, fallingBack: false };
    this.questions.set(name, question);
    this.options.schedule(() => this.becomeLate(question), NAME_LATE_MS);
    this.runNext();
    return question;
  }

  /** Starts the system's look-up of the oldest names for which there is a place. */
  private runNext(): void {
    for (const question of this.questions.values()) {
      if (this.running >= MAX_LOOKUPS) return;
      const slow = this.slow.has(question.name);
      if (question.running || (slow && this.slowRunning >= MAX_LOOKUPS - 1)) continue;
      void this.run(question, slow);
    }
  }

  private async run(question: Question, slow: boolean): Promise<void> {
    const { name } = question;
    question.running = true;
    this.running++;
    if (slow) this.slowRunning++;
    let inTime = true;
    const calm = this.options.schedule(() => {
      inTime = false;
      this.noteSlow(name);
    }, NAME_LATE_MS);
    try {
      const addresses = await this.options.system(name);
      this.remember(name, addresses);
      this.settle(question, undefined, addresses);
    } catch (error) {
      // A temporary failure of name servers is no reason to forget a member's address.
      const known = isTemporary(error) ? this.remembered.get(name) : undefined;
      if (known === undefined) this.settle(question, error as NodeJS.ErrnoException, []);
      else this.settle(question, undefined, known);
    } finally {
      calm();
      if (inTime) this.slow.delete(name);
      this.running--;
      if (slow) this.slowRunning--;
      this.questions.delete(name);
      this.runNext();
    }
  }

  private becomeLate(question: Question): void {
    if (this.questions.get(question.name) !== question) return;
    question.late = true;
    const known = this.remembered.get(question.name);
    if (known !== undefined) this.settle(question, undefined, known);
    void this.fallBack(question);
  }

  private async fallBack(question: Question): Promise<void> {
    if (question.fallingBack) return;
    question.fallingBack = true;
    try {
      const addresses = await this.options.fallback(question.name);
      this.remember(question.name, addresses);
      this.settle(question, undefined, addresses);
    } catch {
      // The system may still answer: it has more ways to look up a name.
    } finally {
      question.fallingBack = false;
    }
  }

  private settle(question: Question, error: NodeJS.ErrnoException | undefined, found: readonly LookupAddress[]): void {
    const waiting = [...question.waiting];
    question.waiting.clear();
    for (const [answer, calm] of waiting) {
      calm();
      answer(error, found);
    }
  }

  private noteSlow(name: string): void {
    this.slow.add(name);
    if (this.slow.size > MAX_REMEMBERED_NAMES) this.slow.delete(this.slow.values().next().value as string);
  }

  private remember(name: string, addresses: readonly LookupAddress[]): void {
    this.remembered.delete(name);
    this.remembered.set(name, addresses);
    if (this.remembered.size > MAX_REMEMBERED_NAMES) {
      this.remembered.delete(this.remembered.keys().next().value as string);
    }
  }
}

function isWanted(family: number, { family: wanted = 0 }: LookupOptions): boolean {
  return wanted === 0 || wanted === family || wanted === `IPv${family}`;
}

function isTemporary(error: unknown): boolean {
  return hasCode(error, 'EAI_AGAIN');
}

function nameError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
