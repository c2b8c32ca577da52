import { digestOf } from '../base/digest.js';
import type { RunHash } from '../base/hash.js';
import type { Broke } from './log-rules.js';

/** What was applied at an index, by whoever was the first. */
interface AppliedEntry {
  readonly command: string;
  result: string | undefined;
  state: string | undefined;
  /** Who was the first to say so. */
  readonly by: bigint;
}

/** How often a command was asked for, and what clients were told of it. */
interface Asked {
  acknowledged: number;
  /** May have been applied, or may yet be. */
  uncertain: number;
  applied: number;
}

/** Rules about what members apply: the same everywhere, once, and what clients were promised. */
export class StateRules {
  /** The highest index that was applied anywhere. */
  last = 0;
  private readonly broke: Broke;
  private readonly hash: RunHash;
  private readonly entries = new Map<number, AppliedEntry>();
  /** Where each member is, by its id; a member that starts again begins anew. */
  private readonly positions = new Map<bigint, number>();
  private readonly asked = new Map<string, Asked>();

  constructor(broke: Broke, hash: RunHash) {
    this.broke = broke;
    this.hash = hash;
  }

  private ask(command: string): Asked {
    let asked = this.asked.get(command);
    if (asked === undefined) {
      asked = { acknowledged: 0, uncertain: 0, applied: 0 };
      this.asked.set(command, asked);
    }
    return asked;
  }

  /** A member starts, with an empty state. */
  started(id: bigint): void {
    this.positions.delete(id);
  }

  /** A member is about to apply a command. Returns whether it is the first to apply this index. */
  applies(id: bigint, index: number, command: unknown): boolean {
    const before = this.positions.get(id) ?? 0;
    if (index <= before)
      this.broke('applied-in-order', `Member ${id} applies index ${index} after it had applied ${before}.`);
    this.positions.set(id, index);
    const digest = digestOf(command);
    this.hash.number(index);
    const known = this.entries.get(index);
    if (known !== undefined) {
      if (known.command !== digest)
        this.broke('state-machine-safety', `Members ${known.by} and ${id} apply different commands at index ${index}.`);
      return false;
    }
    this.entries.set(index, { command: digest, result: undefined, state: undefined, by: id });
    this.ask(digest).applied++;
    this.last = Math.max(this.last, index);
    return true;
  }

  /** A member has applied a command, with this result. */
  applied(id: bigint, index: number, result: unknown): void {
    const known = this.entries.get(index);
    if (known === undefined) return;
    const digest = digestOf(result);
    known.result ??= digest;
    if (known.result !== digest)
      this.broke(
        'results-equal',
        `At index ${index} member ${id} answers ${show(result)}, and member ${known.by} answered otherwise to the same command.`,
      );
  }

  /** The state of a member after this index. */
  state(id: bigint, index: number, state: unknown): void {
    const known = this.entries.get(index);
    if (known === undefined) return;
    const digest = digestOf(state);
    known.state ??= digest;
    if (known.state !== digest)
      this.broke(
        'states-equal',
        `After index ${index} the state of member ${id} is not that of others that applied it.`,
      );
  }

  /** A snapshot has taken the place of a member's state. */
  restored(id: bigint, index: number): void {
    this.positions.set(id, index);
  }

  // What clients are told.

  /** A client was told that its command stands at this index. */
  acknowledged(command: unknown, index: number, result: unknown): void {
    const digest = digestOf(command);
    this.ask(digest).acknowledged++;
    const known = this.entries.get(index);
    if (known === undefined || known.command !== digest) {
      this.broke(
        'acknowledged-kept',
        `A client is told that ${show(command)} was applied at index ${index}, where ${known === undefined ? 'nothing' : 'another command'} was.`,
      );
    } else if (known.result !== undefined && known.result !== digestOf(result)) {
      this.broke(
        'results-equal',
        `A client is told ${show(result)} for its command at index ${index}, and its result was another one.`,
      );
    }
  }

  /** A client was told that its command was applied, by this copy or by another one. */
  acknowledgedInSession(command: unknown): void {
    this.ask(digestOf(command)).acknowledged++;
  }

  /** A client does not know what became of its command. */
  uncertain(command: unknown): void {
    this.ask(digestOf(command)).uncertain++;
  }

  /** At the end, when nothing is under way any more: every command was applied as often as clients may believe. */
  checkCounts(): void {
    for (const [digest, { acknowledged, uncertain, applied }] of this.asked) {
      if (applied >= acknowledged && applied <= acknowledged + uncertain) continue;
      const at = [...this.entries].filter(([, { command }]) => command === digest).map(([index]) => index);
      this.broke(
        'applied-once',
        `A command was applied ${applied} times (at ${at.join(', ') || 'no index'}); it was acknowledged ${acknowledged} times, and ${uncertain} times its client does not know.`,
      );
      return;
    }
  }
}

/** A value, as far as it fits into a sentence. */
function show(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? `${field}` : field));
  } catch {
    text = undefined;
  }
  text ??= String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
