import { setImmediate as turn } from 'node:timers/promises';
import { SYNC_BYTES, SyncInParts } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

/** A file whose syncs end when the test says so. */
class Disk {
  begun = 0;
  private readonly open: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];

  sync = (): Promise<void> => {
    this.begun++;
    return new Promise((end, fail) => this.open.push({ end, fail }));
  };

  get underWay(): number {
    return this.open.length;
  }

  end(): void {
    this.open.shift()?.end();
  }

  fail(): void {
    this.open.shift()?.fail(new Error('EIO'));
  }
}

async function failureOf(promise: Promise<void> | undefined): Promise<string> {
  return (
    (await promise?.then(
      () => 'none',
      (error: Error) => error.message,
    )) ?? 'nothing to wait for'
  );
}

describe('a file that is synced while it is written', () => {
  it('is synced whenever so much was written, and nobody waits for the first', async () => {
    const disk = new Disk();
    const syncs = new SyncInParts(disk.sync, 10);
    expect([syncs.wrote(4), syncs.wrote(5)]).to.deep.equal([undefined, undefined]);
    expect(disk.begun).to.equal(0);
    expect(syncs.wrote(1)).to.equal(undefined);
    expect(disk.begun).to.equal(1);
    disk.end();
    await syncs.end();
    expect([syncs.wrote(9), disk.begun]).to.deep.equal([undefined, 1]);
    expect([syncs.wrote(1), disk.begun]).to.deep.equal([undefined, 2]);
    expect(SYNC_BYTES).to.equal(4 * 2 ** 20);
  });

  it('waits for a disk that is behind: one sync at a time, and no more than two parts that are not synced', async () => {
    const disk = new Disk();
    const syncs = new SyncInParts(disk.sync, 10);
    void syncs.wrote(10);
    expect(syncs.wrote(9)).to.equal(undefined);
    let goesOn = false;
    const waiting = (async () => {
      await syncs.wrote(1);
      goesOn = true;
    })();
    await turn();
    expect([disk.begun, disk.underWay, goesOn]).to.deep.equal([1, 1, false]);
    disk.end();
    await waiting;
    expect([disk.begun, disk.underWay]).to.deep.equal([2, 1]);
  });

  it('may be closed only when no sync is under way', async () => {
    const disk = new Disk();
    const syncs = new SyncInParts(disk.sync, 10);
    void syncs.wrote(10);
    let ended = false;
    const end = (async () => {
      await syncs.end();
      ended = true;
    })();
    await turn();
    expect(ended).to.equal(false);
    disk.end();
    await end;
  });

  it('is not trusted after a sync that failed, whoever hears of it first', async () => {
    for (const wait of [false, true]) {
      const disk = new Disk();
      const syncs = new SyncInParts(disk.sync, 10);
      void syncs.wrote(10);
      const waiting = wait ? failureOf(syncs.wrote(10)) : undefined;
      disk.fail();
      if (waiting !== undefined) expect(await waiting).to.equal('EIO');
      await turn();
      expect(() => syncs.wrote(1)).to.throw('EIO');
      expect(await failureOf(syncs.end())).to.equal('EIO');
      expect(disk.begun).to.equal(1);
    }
  });
});
