import type { NodeId } from '@raft-ts/raft';
import type { CommandPosition, Position, SnapshotData, StateMachine } from '@raft-ts/replica';
import { collect } from '@raft-ts/replica';
import type { Broke } from './log-rules.js';
import type { StateRules } from './state-rules.js';

/** The code of what the traps throw; their class belongs to Node.js alone. */
const ERR_ESCAPE = 'ERR_RAFT_SIM_ESCAPE';

/** How often the state is compared by default: that takes a whole snapshot of it. */
const DEFAULT_EVERY = 8;

/** What a machine's watcher needs of its member. */
export interface MachineHost<Machine> {
  readonly id: NodeId;
  readonly rules: StateRules;
  readonly broke: Broke;
  /** Resolves after the time that this command takes; undefined if it takes none. */
  readonly pause: () => Promise<void> | undefined;
  /** A command is about to be applied which nobody has applied before. */
  readonly onFirst: (index: number, term: number) => void;
  /** Stands for a state; see `SimulateOptions.digest`. */
  readonly digest: ((machine: Machine) => unknown) | undefined;
}

/** Hands everything on to a state machine, and to the rules what it does. */
export class WatchedMachine<Command, Result, Machine extends StateMachine<Command, Result>>
  implements StateMachine<Command, Result>
{
  private readonly inner: Machine;
  private readonly host: MachineHost<Machine>;
  /** Its snapshots are bytes at once, as far as is known: then one can be taken without anybody reading it. */
  private givesBytes = false;

  constructor(inner: Machine, host: MachineHost<Machine>) {
    this.inner = inner;
    this.host = host;
  }

  get appliedIndex(): number {
    return this.inner.appliedIndex ?? 0;
  }

  apply(command: Command, at: CommandPosition): Result | Promise<Result> {
    const pause = this.host.pause();
    return pause === undefined ? this.applyNow(command, at) : pause.then(() => this.applyNow(command, at));
  }

  private applyNow(command: Command, at: CommandPosition): Result | Promise<Result> {
    const { id, rules, onFirst } = this.host;
    if (rules.applies(id, at.index, command)) onFirst(at.index, at.term);
    let result: Result | Promise<Result>;
    try {
      result = this.inner.apply(command, at);
    } catch (error) {
      throw this.threw(error, at);
    }
    if (isPromise(result)) {
      return result.then(
        (settled) => this.done(settled, at),
        (error: unknown) => {
          throw this.threw(error, at);
        },
      );
    }
    return this.done(result, at);
  }

  private done(result: Result, { index }: Position): Result {
    const { id, rules, digest } = this.host;
    rules.applied(id, index, result);
    if (digest !== undefined) rules.state(id, index, digest(this.inner));
    else if (this.givesBytes && index % DEFAULT_EVERY === 0) rules.state(id, index, this.inner.snapshot());
    return result;
  }

  private threw(error: unknown, { index }: Position): unknown {
    const { id, rules, broke } = this.host;
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    if (code === ERR_ESCAPE)
      broke('apply-deterministic', `Member ${id} applies the command at index ${index} by ${String(message)}.`, error);
    // Where a throw is a result, all members must throw the same.
    else rules.applied(id, index, { threw: String(message) });
    return error;
  }

  snapshot(): SnapshotData {
    const data = this.inner.snapshot();
    this.givesBytes = data instanceof Uint8Array;
    return data;
  }

  async restore(chunks: AsyncIterable<Uint8Array>, at: Position): Promise<void> {
    const { id, rules, digest } = this.host;
    await this.inner.restore(chunks, at);
    rules.restored(id, at.index);
    if (digest !== undefined) rules.state(id, at.index, digest(this.inner));
  }

  /** The whole state, as a snapshot or as its digest. Nothing must be happening. */
  async whole(): Promise<unknown> {
    const { digest } = this.host;
    return digest === undefined ? await bytesOf(this.inner.snapshot()) : digest(this.inner);
  }
}

async function bytesOf(data: SnapshotData): Promise<Uint8Array> {
  if (data instanceof Uint8Array) return data;
  if (Symbol.asyncIterator in data) return collect(data);
  return collect(
    (async function* () {
      yield* data;
    })(),
  );
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function';
}
