import type { CommandPosition } from '@raft-ts/replica';
import { drawStackCase, registers } from '@raft-ts/sim/internal';
import {
  type Failed,
  RULES,
  replay,
  type Simulated,
  type SimulateOptions,
  STACK_FAULTS,
  simulate,
} from '@raft-ts/sim/stack';
import { expect } from 'chai';
import { Counter, counters } from './counter.js';
import { tryFreshSeeds } from './fresh-seeds.js';
import { HASTY_SEED, withHastyLogs, withOpenFiles, withStaleReads } from './stack-planted.js';

/** Some five to eight seconds on a machine that does nothing else. */
const LEAST_EVENTS = 60_000;

type CounterOptions = SimulateOptions<number, number, Counter>;

function counting(machine: () => Counter, options: Partial<CounterOptions> = {}): Promise<Simulated<number, number>> {
  return simulate({
    seed: 1,
    runs: 30,
    members: 3,
    shorten: false,
    ...counters,
    stateMachine: machine,
    ...options,
  });
}

function failed<Command, Result>(outcome: Simulated<Command, Result>): Failed<Command, Result> {
  expect(outcome.ok, 'a rule is broken').to.equal(false);
  return outcome as Failed<Command, Result>;
}

describe('simulated replicas', () => {
  it('keep every rule, with fresh seeds', () =>
    tryFreshSeeds('npm run sim -- --layer 2', LEAST_EVENTS, async (seed, again) => {
      const outcome = await simulate({ ...registers(), seed, runs: 1, shorten: false });
      expect(outcome.ok ? undefined : outcome.finding, again).to.equal(undefined);
      return outcome.events;
    }));

  it('meet every kind of fault', () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) for (const { action } of drawStackCase(seed).actions) kinds.add(action.kind);
    const expected = [
      'add',
      'bit-rot',
      'clock',
      'connect',
      'crash',
      'disk',
      'failing-sync',
      'freeze',
      'full-disk',
      'heal',
      'lead',
    ];
    expect([...kinds].sort()).to.deep.equal(
      [
        ...expected,
        'lose-kind',
        'misdirected-write',
        'propose',
        'read',
        'remove',
        'replace',
        'transfer',
        'unreachable',
        'weather',
      ].sort(),
    );
    expect(new Set(STACK_FAULTS).size).to.equal(STACK_FAULTS.length);
  });
});

describe('simulated replicas that are broken', function () {
  it('log-kept: a log that promises what it has not written', async () => {
    const { finding } = await withHastyLogs(async () =>
      failed(await simulate({ ...registers(), seed: HASTY_SEED, runs: 1, shorten: false })),
    );
    expect(finding.rule).to.be.oneOf(['log-kept', 'hard-state-monotone', 'persisted-before-sent', 'vote-once']);
  });

  it('read-linearizable: a read that misses what was acknowledged', async () => {
    const { finding } = await withStaleReads(async () =>
      failed(await simulate({ ...registers(), seed: 1, runs: 40, shorten: false })),
    );
    expect(finding.rule).to.equal('read-linearizable');
  });

  it('nothing-left: a log that leaves its files open', async () => {
    const { finding } = await withOpenFiles(async () =>
      failed(await simulate({ ...registers(), seed: 1, runs: 1, shorten: false, faults: [] })),
    );
    expect(finding.rule).to.equal('nothing-left');
    expect(finding.text).to.contain('.wal');
  });

  const machines: Record<string, [rule: string, machine: () => Counter, names: RegExp]> = {
    'a clock read in apply': [
      'apply-deterministic',
      () =>
        new (class extends Counter {
          override apply(n: number, at: CommandPosition) {
            return super.apply(n + (Date.now() % 2), at);
          }
        })(),
      /Date\.now\(\).*stack\.test\.(ts|js):\d+/,
    ],
    'a random number drawn in apply': [
      'apply-deterministic',
      () =>
        new (class extends Counter {
          override apply(n: number, at: CommandPosition) {
            return super.apply(n + Math.random(), at);
          }
        })(),
      /Math\.random\(\).*stack\.test\.(ts|js):\d+/,
    ],
    'a timer in apply': [
      'apply-deterministic',
      () =>
        new (class extends Counter {
          override async apply(n: number, at: CommandPosition) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            return super.apply(n, at);
          }
        })(),
      /setTimeout\(\).*stack\.test\.(ts|js):\d+/,
    ],
    'a result that depends on what is not in the snapshot': [
      'results-equal',
      () =>
        new (class extends Counter {
          private calls = 0;
          override apply(n: number, at: CommandPosition) {
            this.calls++;
            return (super.apply(n, at) as number) + this.calls;
          }
        })(),
      /At index \d+ member \d answers/,
    ],
    'a state that depends on which member it is': [
      'results-equal',
      (() => {
        let made = 0;
        return () =>
          new (class extends Counter {
            private readonly own = made++;
            override apply(n: number, at: CommandPosition) {
              return super.apply(n + this.own, at);
            }
          })();
      })(),
      /At index \d+ member \d answers/,
    ],
    'a promise that nobody handles': [
      'no-rejection',
      () =>
        new (class extends Counter {
          override apply(n: number, at: CommandPosition) {
            void Promise.reject(new Error('lost'));
            return super.apply(n, at);
          }
        })(),
      /lost/,
    ],
    'a member that fails': [
      'no-failure',
      () =>
        new (class extends Counter {
          override apply(n: number, at: CommandPosition) {
            if (at.index > 8) throw new Error('no more');
            return super.apply(n, at);
          }
        })(),
      /no more/,
    ],
  };
  for (const [name, [rule, machine, names]] of Object.entries(machines)) {
    it(`${rule}: ${name}`, async () => {
      const { finding } = failed(await counting(machine));
      expect(finding.rule, finding.text).to.equal(rule);
      expect(RULES[finding.rule]).to.match(/\.$/);
      expect(finding.text).to.match(names);
    });
  }

  it('states-equal: a state that differs, though no result shows it', async () => {
    class Silent extends Counter {
      private calls = 0;
      override apply(n: number) {
        this.sum += n * ++this.calls;
        return 0;
      }
    }
    const { finding } = failed(await counting(() => new Silent(), { digest: (machine) => machine.snapshot() }));
    expect(finding.rule).to.equal('states-equal');
  });

  it('check: what the caller demands', async () => {
    const check: CounterOptions['check'] = ({ calls, machines }) => {
      expect(machines.size).to.be.above(0);
      return calls.length > 0 ? 'there were calls' : undefined;
    };
    const { finding } = failed(await counting(() => new Counter(), { check }));
    expect(finding).to.include({ rule: 'check', text: 'there were calls' });
  });

  it('are made short, and run again', async () => {
    const machine = (): Counter =>
      new (class extends Counter {
        private calls = 0;
        override apply(n: number, at: CommandPosition) {
          this.calls++;
          return (super.apply(n, at) as number) + this.calls;
        }
      })();
    const { finding, schedule } = failed(await counting(machine, { shorten: true }));
    expect(schedule.actions.length).to.be.below(20);
    const again = await replay(schedule, { ...counters, stateMachine: machine });
    expect(again).to.deep.include({ rule: finding.rule, text: finding.text, event: finding.event });
    expect(await replay(schedule, counters)).to.equal(undefined);
  });
});
