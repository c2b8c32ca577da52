import type { CommandPosition, StateMachine } from '@raft-ts/replica';
import { judge } from '../judge/judge.js';
import { ABSENT, type Operation } from '../judge/operation.js';
import type { Call } from './call.js';
import type { Random, Subject } from './options.js';

/** Sets a key to a number, deletes it, or sets it if it has this version. */
export interface RegisterCommand {
  /** Unlike all others. What a put writes. */
  readonly token: number;
  readonly key: string;
  readonly deletes?: boolean;
  readonly ifVersion?: number;
}

/** What became of it, at which index. `current` is the version that a refused one found, 0 if the key was absent. */
export interface RegisterResult {
  readonly done: boolean;
  readonly index: number;
  readonly current: number;
}

interface Version {
  readonly token: number;
  readonly index: number;
}

/** A few keys with numbers: what `raft-sim --layer 2` replicates. Its histories are judged by two judges. */
export class Registers implements StateMachine<RegisterCommand, RegisterResult> {
  private keys = new Map<string, Version>();
  private readonly onPut: (key: string, version: Version) => void;

  /** @param onPut is told of every version */
  constructor(onPut: (key: string, version: Version) => void = () => {}) {
    this.onPut = onPut;
  }

  apply({ token, key, deletes, ifVersion }: RegisterCommand, { index }: CommandPosition): RegisterResult {
    const current = this.keys.get(key)?.index ?? 0;
    if (ifVersion !== undefined && ifVersion !== current) return { done: false, index, current };
    if (deletes === true) {
      this.keys.delete(key);
    } else {
      this.keys.set(key, { token, index });
      this.onPut(key, { token, index });
    }
    return { done: true, index, current };
  }

  get(key: string): Version | undefined {
    return this.keys.get(key);
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.keys]));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
    this.keys = new Map(JSON.parse(text) as [string, Version][]);
  }
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Steps of the search for a key: many calls of unknown outcome have more orders than anybody can try. */
const PATIENCE = 3000;

function keyOf(random: Random): string {
  return KEYS[random(KEYS.length)] as string;
}

interface RegisterRead {
  readonly key: string;
  readonly version: Version | undefined;
}

/** Registers, their clients, and the judges of what these were told. */
export function registers(): Subject<RegisterCommand, RegisterResult, Registers> {
  let last = 0;
  const versions = new Map<number, number>();
  const newest = new Map<string, number>();
  return {
    reset: () => {
      last = 0;
      versions.clear();
      newest.clear();
    },
    stateMachine: () =>
      new Registers((key, { token, index }) => {
        versions.set(index, token);
        newest.set(key, Math.max(newest.get(key) ?? 0, index));
      }),
    digest: (machine) => machine.snapshot(),
    workload: {
      command: (random) => {
        const command = { token: ++last, key: keyOf(random) };
        const kind = random(10);
        if (kind === 0) return { ...command, deletes: true };
        return kind < 4 ? { ...command, ifVersion: random(3) === 0 ? 0 : (newest.get(command.key) ?? 0) } : command;
      },
      read: (machine, random): RegisterRead => {
        const key = keyOf(random);
        return { key, version: machine.get(key) };
      },
    },
    check: ({ calls }) => judge(historyOf(calls, versions), PATIENCE).findings[0],
  };
}

/** The calls as the judges want them. @param tokens of versions, by their index */
export function historyOf(
  calls: readonly Call<RegisterCommand, RegisterResult>[],
  tokens: ReadonlyMap<number, number>,
): Operation[] {
  return calls.flatMap((call, i): Operation[] => {
    const { command, result, outcome, began, ended, member } = call;
    const common = { member: Number(member), began, ended, current: result?.current ?? 0 };
    if (command === undefined) {
      const { key, version } = (call.seen ?? {}) as Partial<RegisterRead>;
      if (outcome !== 'done' || key === undefined) return [];
      const seen = { seen: version?.token ?? ABSENT, index: version?.index ?? 0 };
      return [{ ...common, ...seen, token: -1 - i, kind: 'get', key, outcome: 'done' }];
    }
    const { token, key, deletes, ifVersion } = command;
    const condition =
      ifVersion === undefined ? undefined : { index: ifVersion, token: tokens.get(ifVersion) ?? ABSENT };
    const verdict =
      outcome === 'dropped' ? 'nothing' : result === undefined ? 'unknown' : result.done ? 'done' : 'refused';
    return [
      {
        ...common,
        token,
        key,
        kind: deletes === true ? 'delete' : 'put',
        condition,
        outcome: verdict,
        index: result?.index ?? 0,
        seen: ABSENT,
      },
    ];
  });
}
