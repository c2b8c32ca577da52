import type { NodeId } from '@raft-ts/raft';
import type { Replica, ReplicaTransport, StateMachine } from '@raft-ts/replica';
import { atLeisure, LEISURE_BYTES, LEISURE_MS, MOST_LEISURE } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { StreamLog, VirtualBodies } from './streams.js';
import { VirtualCluster } from './virtual.js';

const PIECES = 40;
const state = Buffer.from(Uint8Array.from({ length: PIECES * LEISURE_BYTES }, (_, i) => i % 251));

/** A loop that does what a test says, and notes what is asked of it. */
class Loop {
  busy = false;
  /** Milliseconds that a turn takes, and that a timer is late. */
  turnMs = 0;
  timerLateMs = 0;
  time = 0;
  readonly steps: string[] = [];
  readonly isBusy = (): boolean => this.busy;
  readonly now = (): number => this.time;
  readonly turn = async (): Promise<void> => {
    this.time += this.turnMs;
    this.steps.push('turn');
  };
  readonly pause = async (ms: number): Promise<void> => {
    this.time += ms + this.timerLateMs;
    this.steps.push('pause');
  };

  get pauses(): number {
    return this.steps.filter((step) => step === 'pause').length;
  }

  /** Sends the state to its end, which comes in chunks of this length. */
  async send(chunkBytes = 16 * LEISURE_BYTES): Promise<void> {
    const read = async function* (): AsyncGenerator<Uint8Array, void> {
      for (let at = 0; at < state.length; at += chunkBytes) yield state.subarray(at, at + chunkBytes);
    };
    const sent: Uint8Array[] = [];
    for await (const piece of atLeisure(read(), this)) {
      this.steps.push(`${piece.length}`);
      sent.push(piece);
    }
    expect(Buffer.concat(sent).equals(state)).to.equal(true);
  }
}

describe('replica: a state that is sent at leisure', () => {
  it('comes in short pieces, with a turn of the loop after each, and in shorter ones while somebody waits', async () => {
    for (const [busy, size] of [
      [false, MOST_LEISURE * LEISURE_BYTES],
      [true, LEISURE_BYTES],
    ] as const) {
      const loop = new Loop();
      loop.busy = busy;
      await loop.send();
      const steps = loop.steps.filter((step) => step !== 'pause');
      expect(steps).to.deep.equal(Array.from({ length: state.length / size }, () => [`${size}`, 'turn']).flat());
    }
  });

  it('that comes in shorter chunks has a turn after as many bytes', async () => {
    const loop = new Loop();
    loop.busy = true;
    await loop.send(LEISURE_BYTES / 4);
    const steps = loop.steps.filter((step) => step !== 'pause');
    expect(steps.filter((step) => step === 'turn')).to.have.length(PIECES);
    expect(steps.slice(0, 5)).to.deep.equal([...Array(4).fill(`${LEISURE_BYTES / 4}`), 'turn']);
  });

  it('takes no pause while nobody waits, however fast it is', async () => {
    const loop = new Loop();
    await loop.send();
    expect(loop.time).to.equal(0);
  });

  it('keeps to its rate while somebody waits, though timers are late', async () => {
    for (const timerLateMs of [0, 1, 5]) {
      const loop = new Loop();
      Object.assign(loop, { busy: true, turnMs: 0.5, timerLateMs });
      await loop.send();
      expect(loop.time).to.be.within(PIECES * LEISURE_MS - 2, PIECES * LEISURE_MS + timerLateMs);
    }
  });

  it('keeps to its rate on a loop of long turns as well: pieces are longer then', async () => {
    for (const turnMs of [LEISURE_MS + 1, 2 * LEISURE_MS, (MOST_LEISURE - 1) * LEISURE_MS]) {
      const loop = new Loop();
      Object.assign(loop, { busy: true, turnMs });
      await loop.send();
      expect(loop.time).to.be.within(PIECES * LEISURE_MS - turnMs, PIECES * LEISURE_MS + 2 * turnMs);
    }
  });

  it('comes in pieces four times as long at most, however long turns are, and without a pause then', async () => {
    const loop = new Loop();
    Object.assign(loop, { busy: true, turnMs: 50 });
    await loop.send();
    const sizes = loop.steps.filter((step) => step !== 'turn').map(Number);
    // The first one shows that turns are long.
    expect(sizes[0]).to.equal(LEISURE_BYTES);
    expect(sizes[1]).to.equal(MOST_LEISURE * LEISURE_BYTES);
    expect(Math.max(...sizes)).to.equal(MOST_LEISURE * LEISURE_BYTES);
    // The last one is what is left.
    expect(loop.steps.filter((step) => step === 'turn')).to.have.length(sizes.length - 1);
    expect(loop.pauses).to.equal(0);
  });

  it('does not make up for a long delay at once', async () => {
    const loop = new Loop();
    loop.busy = true;
    const { turn } = loop;
    let turns = 0;
    Object.assign(loop, {
      turn: async () => {
        if (++turns === 10) loop.time += 1000;
        return turn();
      },
    });
    await loop.send();
    // Of its length 20 ms are made up for.
    expect(loop.time - 1000).to.be.at.least(PIECES * LEISURE_MS - 22);
  });

  it('takes pauses as long as somebody waits, and no longer', async () => {
    const loop = new Loop();
    loop.busy = true;
    const { pause } = loop;
    Object.assign(loop, {
      pause: async (ms: number) => {
        await pause(ms);
        if (loop.pauses === 3) loop.busy = false;
      },
    });
    await loop.send();
    expect(loop.pauses).to.equal(3);
  });
});

describe('replica: a snapshot that is sent', () => {
  const PIECES_SENT = 32;
  const sizes: number[] = [];
  const times: number[] = [];
  let members: VirtualCluster<number, number>;

  /** Its state is large, and always the same. */
  class Large implements StateMachine<number, number> {
    apply(command: number): number {
      return command;
    }

    snapshot(): Uint8Array {
      return new Uint8Array(PIECES_SENT * LEISURE_BYTES);
    }

    async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
      for await (const _ of chunks);
    }
  }

  /** Members of which one needs a snapshot, and has not been sent any. */
  async function begin(): Promise<readonly [leader: Replica<number, number>, slow: NodeId, other: NodeId]> {
    for (const noted of [sizes, times]) noted.length = 0;
    members = new VirtualCluster<number, number>(3, () => new Large());
    const bodies = new VirtualBodies(members.network);
    for (const id of members.ids) {
      const log = new StreamLog(members.time);
      members.logs.set(id, log);
      await members.startMember(id, {
        snapshots: { everyEntries: 20, keepEntries: 1, keepEntriesForSlow: 1, inlineBytes: 10 },
        transport: (receiver) => {
          const transport = bodies.connect(id, receiver);
          const sendSnapshot: ReplicaTransport['sendSnapshot'] = async (message, { size, chunks }) => {
            const noting = async function* (): AsyncGenerator<Uint8Array, void> {
              for await (const chunk of chunks) {
                sizes.push(chunk.length);
                yield chunk;
              }
            };
            const began = members.time.monotonic();
            const sent = await transport.sendSnapshot?.(message, { size, chunks: noting() });
            times.push(members.time.monotonic() - began);
            return sent ?? 'failure';
          };
          return { ...transport, sendSnapshot };
        },
      });
    }
    const leader = await members.leader();
    const [slow, other] = members.ids.filter((id) => id !== leader.id) as [NodeId, NodeId];
    members.network.isolate(slow, [leader.id, other]);
    await members.time.settled(Promise.all(Array.from({ length: 60 }, (_, i) => leader.propose(i))));
    const log = (id: NodeId): StreamLog => members.logs.get(id) as StreamLog;
    await members.time.until(() => log(leader.id).firstIndex() > log(slow).lastIndex() + 1, 'it needs a snapshot');
    members.network.mend();
    return [leader, slow, other];
  }

  afterEach(() => members.stop());

  it('is given to the transport in short pieces, without a pause while nobody waits', async () => {
    await begin();
    await members.time.until(() => times.length > 0, 'it is sent');
    expect(Math.max(...sizes)).to.be.at.most(MOST_LEISURE * LEISURE_BYTES);
    expect(times[0]).to.equal(0);
  });

  it('keeps to its rate while a command waits at its leader', async () => {
    const [leader, slow, other] = await begin();
    members.network.isolate(other, [leader.id, slow]);
    const waiting = leader.propose(1, { timeoutMs: 60_000 });
    await members.time.until(() => times.length > 0, 'it is sent');
    expect(times[0]).to.be.at.least((PIECES_SENT - 1) * LEISURE_MS);
    await members.time.settled(waiting);
  });
});
