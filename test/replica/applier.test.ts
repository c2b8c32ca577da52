import { emptySnapshot, MessageType, newMessage } from '@raft-ts/raft';
import { type Clock, type StateMachine } from '@raft-ts/replica';
import { Applier } from '@raft-ts/replica/internal';
import { expect } from 'chai';

/** Commands of one byte, each of which takes so many milliseconds; what happens is written down. */
class Bench {
  readonly events: string[] = [];
  private now = 0;
  private readonly turns: (() => void)[] = [];
  readonly applier: Applier<number, void>;
  /** What commands throw. */
  thrown: Error | undefined = undefined;
  /** Does somebody here wait for each command? */
  asked = false;

  constructor(takesMs: number) {
    const clock: Clock = {
      monotonic: () => this.now,
      wall: () => this.now,
      after: () => () => {},
      soon: (call) => void this.turns.push(call),
    };
    const stateMachine = {
      apply: (n: number) => {
        this.now += takesMs;
        this.events.push(`${n}`);
        if (this.thrown !== undefined) throw this.thrown;
      },
    } as unknown as StateMachine<number, void>;
    const none = (): undefined => undefined;
    this.applier = new Applier<number, void>(
      {
        stateMachine,
        clock,
        format: { decode: (data: Uint8Array) => ({ content: { kind: 'command', command: data[0] } }) } as never,
        results: undefined as never,
        group: { features: 0 } as never,
        proposals: {
          appliedAt: () => (this.asked ? ({} as never) : undefined),
          find: none,
          answer: (_pending, applied) => void this.events.push('error' in applied ? String(applied.error) : 'value'),
          resolve: () => void this.events.push('value'),
          skippedTo: none,
        },
        boot: 1,
        patience: { begin: none, end: none },
        applyErrors: 'result',
        warn: none,
        applyConfChange: undefined as never,
        onMembership: none,
        onFeatures: none,
        onApplied: () => void this.events.push('message'),
        onRestored: none,
        onProgress: none,
        onFatal: (error) => void this.events.push(String(error)),
      },
      { applied: { index: 0, term: 1 }, confState: emptySnapshot().metadata.confState },
    );
  }

  push(from: number, to: number): void {
    const message = newMessage(MessageType.MsgStorageApply, 1n);
    message.entries = Array.from({ length: to - from + 1 }, (_, i) => ({
      type: 0,
      term: 1,
      index: from + i,
      data: Uint8Array.of(from + i),
    }));
    this.applier.push(message);
  }

  /** Runs until nothing is left, and says what was applied in each turn. */
  async run(): Promise<string[]> {
    this.applier.start();
    for (;;) {
      await new Promise(setImmediate);
      const turn = this.turns.shift();
      if (turn === undefined) break;
      this.events.push('|');
      turn();
    }
    return this.events
      .join(' ')
      .split('|')
      .map((text) => text.trim());
  }
}

describe('replica: applying in slices', () => {
  it('lets the event loop turn after each command, once a few of them have been slow', async () => {
    const bench = new Bench(10);
    bench.push(1, 18);
    expect(await bench.run()).to.deep.equal(['1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16', '17', '18', 'message']);
  });

  it('counts the time of a turn over many small messages', async () => {
    const bench = new Bench(10);
    for (let i = 1; i <= 18; i++) bench.push(i, i);
    const turns = await bench.run();
    expect(turns).to.have.length(4);
    expect(turns.slice(1)).to.deep.equal(['message 17', 'message 18', 'message']);
  });

  it('does not turn for what is quick', async () => {
    const bench = new Bench(0.01);
    bench.push(1, 100);
    for (let i = 101; i <= 200; i++) bench.push(i, i);
    expect(await bench.run()).to.have.length(1);
  });
});

describe('replica: a command that the state machine refuses', () => {
  it('makes an error only for whom it was asked by: none on the other members', async () => {
    let looks = 0;
    const thrown = Object.defineProperty(new Error(), 'message', {
      get: () => {
        looks++;
        return 'no such account';
      },
    });
    for (const asked of [false, true]) {
      const bench = Object.assign(new Bench(0.01), { thrown, asked });
      bench.push(1, 1);
      const events = (await bench.run()).join(' ');
      expect(looks).to.equal(asked ? 1 : 0);
      expect(events.includes('no such account')).to.equal(asked);
    }
  });
});
