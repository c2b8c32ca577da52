import { ConfChangeType, ERR_CONF_CHANGE_REFUSED, ERR_PROPOSAL_DROPPED, RaftError } from '@raft-ts/raft';
import type { ProposalDropped, ProposalUnknown } from '@raft-ts/replica';
import { GroupCommit, MAX_BATCH, Proposals } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { VirtualTime } from './virtual.js';

type Outcome = 'open' | number | [outcome: string, reason: string];

const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome);

/** Proposals in front of a raft that is only a list of what it was handed. */
class Bench {
  readonly time = new VirtualTime();
  /** What each batch held, by first byte. */
  readonly batches: number[][] = [];
  readonly outcomes: Outcome[] = [];
  leads = true;
  lead = 1n;
  term = 1;
  next = 1;
  hasRoom = true;
  isHeld = false;
  knowsLeader = true;
  /** Bytes that may still be appended. */
  quota = Number.POSITIVE_INFINITY;
  refuses: string | undefined = undefined;
  refusesChanges: Error | undefined = undefined;
  readonly proposals: Proposals;

  constructor(limits: { maxPending?: number; maxPendingBytes?: number; maxBatchBytes?: number } = {}) {
    this.proposals = new Proposals({
      maxPending: 100_000,
      maxPendingBytes: 1e9,
      maxCommandBytes: 1000,
      timeoutMs: 1000,
      maxBatchBytes: 1e9,
      ...limits,
      clock: this.time,
      wake: () => {},
      knows: () => this.knowsLeader,
      hasRoom: () => this.hasRoom,
      hold: () => this.isHeld,
      target: {
        proposeBatch: (payloads) => this.take(payloads),
        proposeConfChange: (change) => {
          if (this.refusesChanges !== undefined) throw this.refusesChanges;
          this.take([Uint8Array.of(Number('nodeId' in change ? change.nodeId : 0))]);
          return { forwarded: !this.leads };
        },
        basicStatus: () =>
          ({
            softState: { lead: this.lead, raftState: this.leads ? 'StateLeader' : 'StateFollower' },
            hardState: { term: 1, vote: 0n, commit: 0 },
          }) as never,
      },
    });
  }

  private take(payloads: readonly (Uint8Array | undefined)[]): { forwarded: boolean; index: number; term: number } {
    const bytes = payloads.reduce((sum, data) => sum + (data?.length ?? 0), 0);
    const reason = this.refuses ?? (bytes > this.quota ? 'quota' : undefined);
    if (reason !== undefined) throw new RaftError(ERR_PROPOSAL_DROPPED, 'dropped', { reason });
    this.quota -= bytes;
    this.batches.push(payloads.map((data) => data?.[0] ?? -1));
    if (!this.leads) return { forwarded: true, index: 0, term: 0 };
    const index = this.next;
    this.next += payloads.length;
    return { forwarded: false, index, term: this.term };
  }

  /** Proposes `count` commands of this size. */
  propose(count: number, size = 1, options: { timeoutMs?: number; signal?: AbortSignal } = {}): void {
    for (let i = 0; i < count; i++) {
      const at = this.outcomes.push('open') - 1;
      const data = new Uint8Array(size).fill(at % 256);
      void this.follow(
        at,
        this.proposals.submit(undefined, () => data, options),
      );
    }
  }

  /** Proposes the removal of a member, 200 and up, to be told from commands. */
  change(nodeId: bigint): Promise<unknown> {
    const change = { id: 0n, type: ConfChangeType.ConfChangeRemoveNode, nodeId, context: undefined };
    return this.proposals.submitChange(change, { timeoutMs: 1000 });
  }

  private async follow(at: number, proposal: Promise<unknown>): Promise<void> {
    try {
      this.outcomes[at] = (await proposal) as number;
    } catch (error) {
      const { outcome, reason } = error as ProposalDropped | ProposalUnknown;
      this.outcomes[at] = [outcome, reason];
    }
  }

  /** Applies these places of the log, and answers with their indexes. */
  async apply(from: number, to: number, term: number): Promise<void> {
    for (let index = from; index <= to; index++) {
      const own = this.proposals.appliedAt(index, term);
      if (own !== undefined) this.proposals.answer(own, { value: index });
    }
    await this.time.advance(0);
  }
}

describe('replica: batches of proposals', () => {
  it('are not forwarded to a leader whose address is not known yet: they wait, and are dropped at their deadline', async () => {
    const bench = new Bench();
    bench.leads = false;
    bench.knowsLeader = false;
    bench.propose(1, 1, { timeoutMs: 50 });
    bench.propose(1);
    const change = bench.change(201n);
    change.catch(() => {});
    bench.proposals.flush();
    await bench.time.advance(100);
    bench.proposals.expire();
    await bench.time.advance(0);
    expect(bench.batches).to.deep.equal([]);
    expect(bench.outcomes).to.deep.equal([['dropped', 'no-leader'], 'open']);
    bench.knowsLeader = true;
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[1], [201]]);
    await change;
  });

  it('hold what was proposed in one turn, in order, at most 4,096', () => {
    const bench = new Bench();
    bench.propose(MAX_BATCH + 3);
    bench.proposals.flush();
    expect(MAX_BATCH).to.equal(4096);
    expect(bench.batches.map(({ length }) => length)).to.deep.equal([MAX_BATCH, 3]);
    expect(bench.batches.flat()).to.deep.equal(bench.outcomes.map((_, i) => i % 256));
  });

  it('hold at most so many bytes, unless one command alone takes more', () => {
    const bench = new Bench({ maxBatchBytes: 10 });
    bench.propose(3, 4);
    bench.propose(1, 25);
    bench.propose(1, 4);
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[0, 1], [2], [3], [4]]);
  });

  it('that are refused for quota are split, and every command that fits is taken, in order', async () => {
    const bench = new Bench();
    bench.quota = 12;
    bench.propose(3, 2);
    bench.propose(1, 100);
    bench.propose(3, 2);
    bench.proposals.flush();
    await bench.time.advance(0);
    expect(bench.batches.flat()).to.deep.equal([0, 1, 2, 4, 5, 6]);
    expect(bench.outcomes[3]).to.deep.equal(['dropped', 'quota']);
    await bench.apply(1, 6, 1);
    expect(bench.outcomes).to.deep.equal([1, 2, 3, ['dropped', 'quota'], 4, 5, 6]);
  });

  it('wait in their order while leadership is handed over, and before there is a leader', () => {
    const bench = new Bench({ maxBatchBytes: 2 });
    bench.refuses = 'transferring';
    bench.propose(5);
    bench.proposals.flush();
    bench.propose(1);
    bench.lead = 0n;
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([]);
    bench.lead = 1n;
    bench.refuses = undefined;
    bench.proposals.flush();
    expect(bench.batches.flat()).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });
});

describe('replica: proposals while the log is written', () => {
  it('wait for those that are under way, and then leave as one batch', () => {
    const bench = new Bench();
    bench.isHeld = true;
    bench.propose(1);
    bench.proposals.flush();
    expect(bench.batches, 'one alone waits for nobody').to.deep.equal([[0]]);
    for (let turn = 0; turn < 3; turn++) {
      bench.propose(2);
      bench.proposals.flush();
    }
    expect(bench.batches).to.deep.equal([[0]]);
    bench.isHeld = false;
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[0], [1, 2, 3, 4, 5, 6]]);
  });

  it('are forwarded at once: the leader gathers them', () => {
    const bench = new Bench();
    bench.isHeld = true;
    bench.leads = false;
    for (let turn = 0; turn < 3; turn++) {
      bench.propose(1);
      bench.proposals.flush();
    }
    expect(bench.batches).to.deep.equal([[0], [1], [2]]);
  });

  it('wait for one write at most, though there always is one, and for 2 ms of it', async () => {
    const time = new VirtualTime();
    let woken = 0;
    const group = new GroupCommit(time, () => woken++);
    expect(group.hold(false)).to.equal(false);
    expect([group.hold(true), group.hold(true)]).to.deep.equal([true, true]);
    group.writeEnded();
    expect(group.hold(true)).to.equal(false);
    expect(group.hold(true)).to.equal(true);
    await time.advance(1.9);
    expect([group.hold(true), woken]).to.deep.equal([true, 0]);
    await time.advance(0.2);
    expect([group.hold(true), woken]).to.deep.equal([false, 1]);
  });
});

describe('replica: what the log says about proposals', () => {
  it('answers a leader that was overwritten and leads again, whichever of its entries is committed', async () => {
    const bench = new Bench();
    bench.next = 10;
    bench.propose(4);
    bench.proposals.flush();
    // Another leader cut its log to 7; then it was elected again.
    bench.term = 3;
    bench.next = 8;
    bench.propose(4);
    bench.proposals.flush();
    await bench.apply(8, 9, 3);
    expect(bench.outcomes).to.deep.equal(['open', 'open', 'open', 'open', 8, 9, 'open', 'open']);
    await bench.apply(10, 11, 3);
    expect(bench.outcomes.slice(0, 4)).to.deep.equal(times(4, ['dropped', 'replaced']));
    expect(bench.outcomes.slice(4)).to.deep.equal([8, 9, 10, 11]);
  });

  it('answers the older entries of such a leader if it is they that are committed in the end', async () => {
    const bench = new Bench();
    bench.next = 10;
    bench.propose(2);
    bench.proposals.flush();
    bench.term = 3;
    bench.next = 8;
    bench.propose(4);
    bench.proposals.flush();
    await bench.apply(8, 8, 1);
    await bench.apply(9, 11, 1);
    expect(bench.outcomes).to.deep.equal([10, 11, ...times(4, ['dropped', 'replaced'])]);
  });

  it('drops the rest of a batch from the first place that another leader has', async () => {
    const bench = new Bench();
    bench.propose(4);
    bench.proposals.flush();
    await bench.apply(1, 2, 1);
    await bench.apply(3, 3, 2);
    expect(bench.outcomes).to.deep.equal([1, 2, ['dropped', 'replaced'], ['dropped', 'replaced']]);
  });

  it('does not know what a snapshot skipped, unless its term shows that it was replaced', async () => {
    const bench = new Bench();
    bench.propose(6);
    bench.proposals.flush();
    bench.proposals.skippedTo({ index: 4, term: 1 });
    await bench.apply(5, 6, 1);
    expect(bench.outcomes).to.deep.equal([...times(4, ['unknown', 'snapshot-skipped']), 5, 6]);

    const later = new Bench();
    later.propose(6);
    later.proposals.flush();
    later.proposals.skippedTo({ index: 4, term: 2 });
    await later.time.advance(0);
    expect(later.outcomes).to.deep.equal([
      ...times(4, ['unknown', 'snapshot-skipped']),
      ...times(2, ['dropped', 'replaced']),
    ]);

    const earlier = new Bench();
    earlier.term = 3;
    earlier.propose(2);
    earlier.proposals.flush();
    earlier.proposals.skippedTo({ index: 4, term: 2 });
    await earlier.time.advance(0);
    expect(earlier.outcomes).to.deep.equal(times(2, ['dropped', 'replaced']));
  });
});

describe('replica: how much may wait', () => {
  const settledLike = async (bench: Bench): Promise<Outcome[]> => {
    await bench.time.advance(0);
    return bench.outcomes;
  };

  it('dropped, busy: by number', async () => {
    const bench = new Bench({ maxPending: 2 });
    bench.propose(3);
    expect(await settledLike(bench)).to.deep.equal(['open', 'open', ['dropped', 'busy']]);
  });

  it('dropped, busy: by bytes, and room is made by what is settled', async () => {
    const bench = new Bench({ maxPendingBytes: 10 });
    bench.propose(3, 4);
    expect(await settledLike(bench)).to.deep.equal(['open', 'open', ['dropped', 'busy']]);
    bench.proposals.flush();
    await bench.apply(1, 1, 1);
    bench.propose(1, 4);
    expect(await settledLike(bench)).to.deep.equal([1, 'open', ['dropped', 'busy'], 'open']);
    expect(bench.proposals.waitingBytes).to.equal(8);
  });

  it('dropped, too-large', async () => {
    const bench = new Bench();
    bench.propose(1, 1001);
    expect(await settledLike(bench)).to.deep.equal([['dropped', 'too-large']]);
  });

  it('dropped, quota: a leader that has not applied enough of its entries takes no more of them', async () => {
    const bench = new Bench();
    bench.hasRoom = false;
    bench.propose(1);
    bench.proposals.flush();
    expect(await settledLike(bench)).to.deep.equal([['dropped', 'quota']]);
    bench.leads = false;
    bench.propose(1);
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[1]]);
  });

  it('does not grow with what is settled, though the oldest one still waits, or there is no leader', async () => {
    const bench = new Bench();
    bench.leads = false;
    bench.propose(1, 1, { timeoutMs: 1e9 });
    bench.proposals.flush();
    bench.lead = 0n;
    for (let round = 0; round < 50; round++) {
      bench.propose(100, 1, { timeoutMs: 10 });
      await bench.time.advance(20);
      bench.proposals.expire();
    }
    expect(bench.proposals.waiting).to.equal(1);
    const held = Object.values(bench.proposals as unknown as Record<string, unknown>).map((value) => {
      const { size, length } = Object(value) as { size?: number; length?: number };
      return size ?? length ?? 0;
    });
    // 5,000 were proposed, 100 at a time.
    expect(Math.max(...held)).to.be.below(300);
  });
});

describe('replica: membership changes among proposals', () => {
  it('a change travels alone, and keeps its place', async () => {
    const bench = new Bench();
    bench.propose(2);
    const changes = [bench.change(200n), bench.change(201n)];
    bench.propose(2);
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[0, 1], [200], [201], [2, 3]]);
    expect(await Promise.all(changes)).to.deep.equal([{ forwarded: false }, { forwarded: false }]);
    expect(bench.proposals.waiting).to.equal(4);
    await bench.apply(1, 6, 1);
    expect(bench.outcomes).to.deep.equal([1, 2, 5, 6]);
  });

  it('keeps its place also while nobody can take it', async () => {
    const bench = new Bench();
    bench.refuses = 'transferring';
    bench.propose(1);
    const change = bench.change(200n);
    bench.propose(1);
    bench.proposals.flush();
    bench.refuses = undefined;
    bench.leads = false;
    bench.proposals.flush();
    expect(bench.batches).to.deep.equal([[0], [200], [1]]);
    expect(await change).to.deep.equal({ forwarded: true });
  });

  it('one that is refused says why, and harms nothing else', async () => {
    const bench = new Bench();
    bench.refusesChanges = new RaftError(ERR_CONF_CHANGE_REFUSED, 'refused', { reason: 'another one' });
    const change = bench.change(200n);
    bench.propose(1);
    bench.proposals.flush();
    expect(await change.catch((error: unknown) => error)).to.equal(bench.refusesChanges);
    expect(bench.batches).to.deep.equal([[0]]);
  });
});
