import { randomInt } from 'node:crypto';
import { FEATURES, type KvCommand, KvMachine, type KvResult, kvFormat } from '@raft-ts/raftexample/internal';
import { judge, type Operation } from '@raft-ts/sim/internal';
import { type Call, type Random, type SimulateOptions, simulate } from '@raft-ts/sim/stack';
import { expect } from 'chai';

/** A few seconds on a machine that does nothing else. */
const EVENTS = 15_000;

const KEYS = ['a', 'b', 'c', 'd'];
const LOCKS = ['x', 'y'];

function one<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T;
}

/** A command of the store that clients of Go members know too. */
function write(random: Random, value: string): KvCommand {
  const key = one(KEYS, random);
  if (random(8) === 0) return { op: 'delete', key, value: '', ifIndex: undefined };
  return { op: 'put', key, value, ifIndex: random(4) === 0 ? random(60) : undefined };
}

/** What this package alone knows. `index` is that of some entry, which may have given a lease or a lock. */
function ours(random: Random, value: string): KvCommand {
  const index = random(80);
  switch (random(8)) {
    case 0:
      return { op: 'lease', ttl: 1 + random(5000) };
    case 1:
      return { op: random(2) === 0 ? 'keep' : 'revoke', lease: index };
    case 2:
      return { op: 'lease-put', key: one(KEYS, random), value, ifIndex: undefined, lease: index };
    case 3:
      return { op: 'lock', name: one(LOCKS, random), lease: index };
    case 4:
      return { op: 'unlock', name: one(LOCKS, random), fence: index };
    case 5:
      return { op: 'clock', ms: random(100_000), term: 1 + random(5) };
    default:
      return {
        op: 'txn',
        if: random(2) === 0 ? [{ key: one(KEYS, random), index: random(60) }] : [],
        do: [
          { op: 'put', key: 'a', value },
          { op: 'get', key: 'b' },
        ],
      };
  }
}

type StoreOptions = SimulateOptions<KvCommand, KvResult, KvMachine>;

/** The store's state machine and format, with all that its clients may ask for. */
function store(): Omit<StoreOptions, 'runs'> & { readonly workload: StoreOptions['workload'] } {
  let commands = 0;
  return {
    reset: () => {
      commands = 0;
    },
    stateMachine: () => new KvMachine(),
    replica: { format: kvFormat, features: FEATURES },
    sessions: false,
    digest: (machine) => [...machine.snapshot()],
    workload: {
      command: (random, { features }) => {
        const value = `value ${++commands}`;
        return features >= FEATURES && random(2) === 0 ? ours(random, value) : write(random, value);
      },
    },
  };
}

/** Writes and reads of keys alone, as the judges of the chaos run want them. */
function judged(): StoreOptions {
  let commands = 0;
  return {
    ...store(),
    reset: () => {
      commands = 0;
    },
    workload: {
      command: (random) => ({ op: 'put', key: one(KEYS, random), value: String(++commands), ifIndex: undefined }),
      read: (machine, random) => {
        const key = one(KEYS, random);
        return { key, item: machine.get(key) };
      },
    },
    check: ({ calls }) => judge(calls.flatMap(operationOf), 3000).findings[0],
  };
}

function operationOf(call: Call<KvCommand, KvResult>, i: number): Operation[] {
  const { command, outcome, began, ended, index, member, seen } = call;
  const common = { member: Number(member), began, ended, current: 0 };
  if (command !== undefined) {
    const { key, value } = command as { key: string; value: string };
    const verdict = outcome === 'done' ? 'done' : outcome === 'dropped' ? 'nothing' : 'unknown';
    return [{ ...common, kind: 'put', token: Number(value), key, outcome: verdict, index, seen: 0 }];
  }
  if (outcome !== 'done') return [];
  const { key, item } = seen as { key: string; item: { value: string; index: number } | undefined };
  const saw = { seen: Number(item?.value ?? 0), index: item?.index ?? 0 };
  return [{ ...common, ...saw, kind: 'get', token: -1 - i, key, outcome: 'done' }];
}

describe('the store, simulated', () => {
  for (const [name, options] of Object.entries({ 'with all of its commands': store, 'judged by key': judged })) {
    it(`keeps every rule, ${name}`, async () => {
      const first = Number(process.env['RAFT_TS_SEED'] ?? randomInt(1, 2 ** 40));
      console.log(`      seeds from ${first} on; again: RAFT_TS_SEED=${first}`);
      let answered = 0;
      // Some clusters have faults that answer little: a run that answered nothing would show nothing.
      for (let seed = first, events = 0; events < EVENTS || answered <= 50; seed++) {
        const outcome = await simulate({ ...options(), seed, runs: 1, shorten: false });
        expect(outcome.ok ? undefined : outcome.finding, `RAFT_TS_SEED=${seed}`).to.equal(undefined);
        events += outcome.events;
        answered += outcome.answered;
      }
    });
  }
});
