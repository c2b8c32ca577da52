import { MAX_WAITING_BYTES, MAX_WAITING_PROPOSALS } from '@raft-ts/raft';
import { WaitingRoom } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { isPending, rejection } from '../../helpers/waiting.js';

/** A waiting room, and what its node would see of it. */
class Scene {
  isOpen = false;
  readonly counts: number[] = [];
  inVain = 0;
  readonly ran: string[] = [];
  readonly room = new WaitingRoom({
    isOpen: () => this.isOpen,
    waits: (count) => this.counts.push(count),
    waitedInVain: () => this.inVain++,
  });

  wait(name: string, { size = 1, signal }: { size?: number; signal?: AbortSignal } = {}): Promise<string> {
    const run = (resolve: (result: string) => void): void => {
      this.ran.push(name);
      resolve(`${name} done`);
    };
    return this.room.wait({ size, signal, run });
  }

  open(): void {
    this.isOpen = true;
    for (const attempt of this.room.attempts()) attempt();
  }
}

describe('the waiting room of proposals', () => {
  it('tries what waits, oldest first, and each once', async () => {
    const scene = new Scene();
    const waiting = [scene.wait('a'), scene.wait('b'), scene.wait('c')];
    expect(scene.counts).to.deep.equal([1, 2, 3]);
    expect(scene.ran).to.deep.equal([]);
    scene.open();
    scene.open();
    expect(await Promise.all(waiting)).to.deep.equal(['a done', 'b done', 'c done']);
    expect(scene.ran).to.deep.equal(['a', 'b', 'c']);
    expect(scene.inVain).to.equal(0);
  });

  it('rejects with what running the proposal rejects with', async () => {
    const scene = new Scene();
    const reason = new Error('refused');
    const waiting = scene.room.wait({ size: 1, signal: undefined, run: (_, reject) => reject(reason) });
    scene.open();
    expect(await rejection(waiting)).to.equal(reason);
  });

  it('answers what waits although its node throws at each report', async () => {
    const waits: (() => void)[] = [];
    const throwing = (): never => {
      throw new Error('the logger is broken');
    };
    const ran: string[] = [];
    const host = { isOpen: () => true, waits: () => waits.pop()?.(), waitedInVain: throwing };
    const room = new WaitingRoom(host);
    const run = (resolve: (result: string) => void): void => {
      ran.push('run');
      resolve('done');
    };
    waits.push(throwing);
    expect(await rejection(room.wait({ size: 1, signal: undefined, run }))).to.include({
      message: 'the logger is broken',
    });
    expect(room.attempts(), 'who was refused is not proposed later').to.deep.equal([]);
    const waiting = rejection(room.wait({ size: 1, signal: undefined, run }));
    expect(() => room.rejectAll(new Error('stopped'))).to.throw('the logger is broken');
    expect(await waiting).to.include({ message: 'stopped' });
    expect(ran).to.deep.equal([]);
  });

  it('keeps what was called up while the leader was lost again', async () => {
    const scene = new Scene();
    const first = scene.room.wait({
      size: 1,
      signal: undefined,
      run: (resolve) => {
        scene.isOpen = false;
        resolve('lost it');
      },
    });
    const second = scene.wait('b');
    scene.open();
    expect(await first).to.equal('lost it');
    expect(await isPending(second)).to.equal(true);
    scene.open();
    expect(await second).to.equal('b done');
  });

  it('lets go of what its signal withdraws, also after it was called up', async () => {
    const scene = new Scene();
    const cancel = new AbortController();
    const given = scene.wait('given up', { signal: cancel.signal });
    const kept = scene.wait('kept');
    scene.isOpen = true;
    const attempts = scene.room.attempts();
    cancel.abort(new Error('too long'));
    for (const attempt of attempts) attempt();
    expect(await rejection(given)).to.equal(cancel.signal.reason);
    expect(await kept).to.equal('kept done');
    expect(scene.ran).to.deep.equal(['kept']);
    expect(scene.inVain).to.equal(1);
  });

  it('does not begin to wait with a signal that has aborted', async () => {
    const scene = new Scene();
    const signal = AbortSignal.abort(new Error('never mind'));
    expect(await rejection(scene.wait('a', { signal }))).to.equal(signal.reason);
    expect(scene.counts).to.deep.equal([]);
  });

  it('rejects everything at the end, and holds nothing afterwards', async () => {
    const scene = new Scene();
    const waiting = [scene.wait('a'), scene.wait('b')];
    const reason = new Error('stopped');
    scene.room.rejectAll(reason);
    expect(await Promise.all(waiting.map(rejection))).to.deep.equal([reason, reason]);
    expect(scene.inVain).to.equal(2);
    scene.open();
    expect(scene.ran).to.deep.equal([]);
  });

  it('refuses more than its count, until one leaves', async () => {
    const scene = new Scene();
    const cancel = new AbortController();
    const first = scene.wait('first', { signal: cancel.signal });
    for (let i = 1; i < MAX_WAITING_PROPOSALS; i++) scene.wait('more').catch(() => {});
    const more = scene.wait('one too many');
    expect(await isPending(more)).to.equal(false);
    const refusal = await rejection(more);
    expect(refusal).to.include({ code: 'ERR_RAFT_TOO_MANY_WAITERS', reason: 'count' });
    cancel.abort();
    await rejection(first);
    expect(await isPending(scene.wait('in its place'))).to.equal(true);
  });

  it('refuses more than its bytes, until some leave, whichever way', async () => {
    const scene = new Scene();
    const cancel = new AbortController();
    const half = MAX_WAITING_BYTES / 2;
    const withdrawn = scene.wait('withdrawn', { size: half, signal: cancel.signal });
    const tried = scene.wait('tried', { size: half });
    const more = scene.wait('one byte', { size: 1 });
    expect(await isPending(more)).to.equal(false);
    const refusal = await rejection(more);
    expect(refusal).to.include({ code: 'ERR_RAFT_TOO_MANY_WAITERS', reason: 'bytes' });
    cancel.abort();
    await rejection(withdrawn);
    const again = scene.wait('again', { size: half });
    expect(await isPending(again)).to.equal(true);
    scene.open();
    await Promise.all([tried, again]);
    expect(await isPending(scene.wait('all', { size: MAX_WAITING_BYTES }))).to.equal(true);
  });
});
