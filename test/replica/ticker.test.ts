import { type NodeId, silentLogger } from '@raft-ts/raft';
import type { Clock } from '@raft-ts/replica';
import { Pausable, Ticker } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster, VirtualTime } from './virtual.js';

const TICK_MS = 10;

describe('replica: time', () => {
  describe('the ticker', () => {
    let time: VirtualTime;
    let pausable: Pausable;
    let ticker: Ticker;
    let ticks: number[];
    let stalls: { readonly lateMs: number; readonly again: boolean }[];
    let received: number;

    const begin = (clock: Clock): void => {
      ticks = [];
      stalls = [];
      received = 0;
      ticker = new Ticker({
        clock,
        tickMs: TICK_MS,
        tick: () => ticks.push(time.monotonic()),
        received: () => received,
        onStall: (lateMs, again) => stalls.push({ lateMs, again }),
        onCaughtUp: () => {},
      });
      ticker.start();
    };

    beforeEach(() => {
      time = new VirtualTime();
      pausable = new Pausable(time);
      begin(pausable.clock);
    });

    afterEach(() => ticker.stop());

    it('ticks at a steady pace', async () => {
      await time.advance(55);
      expect(ticks).to.deep.equal([10, 20, 30, 40, 50]);
      expect(stalls).to.deep.equal([]);
    });

    it('makes up for less than a tick, and never for more', async () => {
      await time.advance(15);
      pausable.pause();
      await time.advance(12);
      pausable.resume();
      await time.advance(0);
      expect(ticks).to.deep.equal([10, 27]);
      await time.advance(20);
      expect(ticks).to.deep.equal([10, 27, 30, 40]);
    });

    it('never ticks early, though its timer does', async () => {
      ticker.stop();
      begin({
        ...pausable.clock,
        monotonic: () => time.monotonic(),
        after: (ms, call) => time.after(Math.max(0.1, ms - 0.5), call),
      });
      await time.advance(100);
      for (const [i, at] of ticks.entries()) expect(at).to.be.at.least(10 * (i + 1));
      expect(ticks.length).to.be.at.least(9);
    });

    it('skips one tick after a freeze, is stalled until it has read its inbox, and goes on', async () => {
      await time.advance(15);
      pausable.pause();
      await time.advance(100);
      expect(ticker.isStalled).to.equal(true);
      expect(stalls).to.deep.equal([]);
      pausable.resume();
      expect(stalls).to.deep.equal([{ lateMs: 95, again: false }]);
      expect(ticker.isStalled).to.equal(true);
      await time.advance(0);
      expect(ticker.isStalled).to.equal(false);
      expect(ticks).to.deep.equal([10]);
      await time.advance(10);
      expect(ticks).to.deep.equal([10, 125]);
    });

    it('reads its inbox until nothing comes, or for so long', async () => {
      for (const [messages, turns] of [
        [0, 3],
        [10, 13],
        [1000, 64],
      ] as const) {
        let left = messages;
        let turned = 0;
        ticker.stop();
        begin({
          ...pausable.clock,
          monotonic: () => time.monotonic(),
          soon: (call) =>
            time.soon(() => {
              turned++;
              if (left-- > 0) received++;
              call();
            }),
        });
        pausable.pause();
        await time.advance(100);
        pausable.resume();
        await time.advance(0);
        expect(turned).to.equal(turns);
        expect(ticker.isStalled).to.equal(false);
      }
    });

    it('never skips two ticks in a row, though all of them are late', async () => {
      for (let n = 0; n < 10; n++) {
        pausable.pause();
        await time.advance(50);
        pausable.resume();
        await time.advance(0);
      }
      expect(stalls.map(({ again }) => again)).to.deep.equal([false, ...Array.from({ length: 9 }, () => true)]);
      expect(ticks).to.have.length(5);
    });
  });

  describe('a member', () => {
    let group: VirtualCluster<number, number>;

    afterEach(() => group.stop());

    const begin = async (warn: (text: string) => void = () => {}): Promise<void> => {
      group = new VirtualCluster<number, number>(3, () => new Counter(), { logger: { ...silentLogger, warn } });
      await group.start();
      await group.leader();
      await group.time.advance(200);
    };

    const followers = (): NodeId[] =>
      [...group.replicas.values()].filter(({ leadership }) => !leadership.leading).map(({ id }) => id);

    it('that was frozen leaves a leader alone that is well, however long it took', async () => {
      for (const ms of [15, 40, 120, 350, 5000]) {
        await begin();
        const { term } = (await group.leader()).leadership;
        const [follower] = followers() as [NodeId];
        group.pause(follower);
        await group.time.advance(ms);
        group.resume(follower);
        await group.time.advance(300);
        expect((await group.leader()).leadership.term, `${ms} ms`).to.equal(term);
        await group.stop();
      }
      await begin();
    });

    it('says so once, and by an event', async () => {
      const warnings: string[] = [];
      await begin((text) => warnings.push(text));
      const [follower] = followers() as [NodeId];
      const events: number[] = [];
      group.replica(follower).watch('stall', ({ lateMs }) => events.push(lateMs));
      for (let n = 0; n < 5; n++) {
        group.pause(follower);
        await group.time.advance(75);
        group.resume(follower);
        await group.time.advance(0);
      }
      expect(events).to.have.length(5);
      expect(warnings.filter((text) => text.includes('stood still'))).to.have.length(1);
      expect(warnings[0]).to.match(new RegExp(`^member ${follower} stood still for \\d\\d ms: `));
    });

    it('warns once a minute however often it stands still, with how often, and at once if it lasts twice as long', async () => {
      const warnings: string[] = [];
      await begin((text) => warnings.push(text));
      const [follower] = followers() as [NodeId];
      const freeze = async (ms: number): Promise<void> => {
        group.pause(follower);
        await group.time.advance(ms);
        group.resume(follower);
        await group.time.advance(100);
      };
      const told = (): string[] => warnings.flatMap((text) => /stood still for ([^:]*):/.exec(text)?.[1] ?? []);
      const [first, long] = [75, 400];
      for (let n = 0; n < 10; n++) await freeze(first);
      await freeze(long);
      for (let n = 0; n < 20; n++) await freeze(first);
      await group.time.advance(60_000);
      await freeze(first);
      expect(told()).to.have.length(3);
      expect(told()[0]).to.match(/^\d\d ms$/);
      expect(told()[1]).to.match(/^\d{3} ms, and 9 times more since it last said so, for \d\d ms at most$/);
      expect(told()[2]).to.match(/^\d\d ms, and 20 times more since it last said so, for \d\d ms at most$/);
    });

    it('that is always late still elects a leader: every tick of every member', async () => {
      await begin();
      const dead = await group.leader();
      await group.kill(dead.id);
      const slow = [...group.replicas.keys()];
      const elected = (): boolean => [...group.replicas.values()].some(({ leadership }) => leadership.leading);
      for (let turn = 0; !elected(); turn++) {
        expect(turn, 'freezes until somebody leads').to.be.below(200);
        for (const id of slow) group.pause(id);
        await group.time.advance(45);
        for (const id of slow) group.resume(id);
        await group.time.advance(1);
      }
    });
  });
});
