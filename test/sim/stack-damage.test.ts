import { Disk, SimFs } from '@raft-ts/sim/disk';
import { drawStackCase, nodeHost, registers, runOn } from '@raft-ts/sim/internal';
import type { StackCase } from '@raft-ts/sim/stack';
import { expect } from 'chai';

const SECTOR = 512;

async function fileOn(disk: Disk, strays?: () => { readonly node: number; readonly sector: number } | undefined) {
  const fs = new SimFs(disk, strays === undefined ? {} : { strays });
  const file = await fs.open('/file', { create: true, write: true });
  const write = async (sector: number, byte: number): Promise<void> => {
    await file.write(new Uint8Array(SECTOR).fill(byte), sector * SECTOR);
    await file.datasync();
  };
  /** The first byte of each sector, as programs read them. */
  const read = async (): Promise<number[]> => {
    const bytes = new Uint8Array(await file.size());
    await file.read(bytes, 0);
    return [...bytes].filter((_, at) => at % SECTOR === 0);
  };
  return { file, write, read, node: disk.nextNode - 1 };
}

describe('a simulated disk that damages what was synced', () => {
  it('returns other bytes than were written, to whoever reads them next', async () => {
    const disk = new Disk();
    const { node, write, read } = await fileOn(disk);
    await write(0, 1);
    await write(1, 2);
    disk.apply({ kind: 'rot', place: { node, sector: 0 }, bytes: new Uint8Array(SECTOR).fill(9) });
    expect(await read()).to.deep.equal([9, 2]);
    await write(0, 1);
    expect(await read()).to.deep.equal([1, 2]);
  });

  it('leaves alone what still waits to be written', async () => {
    const disk = new Disk();
    const { file, node, read } = await fileOn(disk);
    await file.write(new Uint8Array(SECTOR).fill(1), 0);
    disk.apply({ kind: 'rot', place: { node, sector: 0 }, bytes: new Uint8Array(SECTOR).fill(9) });
    await file.datasync();
    disk.apply({ kind: 'evict' });
    expect(await read()).to.deep.equal([1]);
  });

  it('writes to another place, which nobody sees until what was read before is forgotten', async () => {
    const disk = new Disk();
    const stray: { to?: number } = {};
    const { node, write, read } = await fileOn(disk, () =>
      stray.to === undefined ? undefined : { node, sector: stray.to },
    );
    for (const sector of [0, 1, 2]) await write(sector, sector + 1);
    stray.to = 0;
    await write(2, 7);
    expect(await read()).to.deep.equal([1, 2, 7]);
    disk.apply({ kind: 'evict' });
    expect(await read()).to.deep.equal([7, 2, 3]);
  });

  it('has it right again once the same is written once more', async () => {
    const disk = new Disk();
    const stray: { to?: number } = {};
    const { node, write, read } = await fileOn(disk, () =>
      stray.to === undefined ? undefined : { node, sector: stray.to },
    );
    for (const sector of [0, 1]) await write(sector, sector + 1);
    stray.to = 0;
    await write(1, 7);
    delete stray.to;
    await write(1, 7);
    await write(0, 1);
    disk.apply({ kind: 'evict' });
    expect(await read()).to.deep.equal([1, 7]);
  });

  it('forgets what a failed sync has marked as written', async () => {
    const disk = new Disk();
    let fails = false;
    const fs = new SimFs(disk, {
      fault: ({ op }) => (fails && op === 'datasync' ? { code: 'EIO', drops: true } : undefined),
    });
    const file = await fs.open('/file', { create: true, write: true });
    const byte = async (): Promise<number | undefined> => {
      const bytes = new Uint8Array(1);
      await file.read(bytes, 0);
      return bytes[0];
    };
    await file.write(new Uint8Array(SECTOR).fill(1), 0);
    await file.datasync();
    fails = true;
    await file.write(new Uint8Array(SECTOR).fill(2), 0);
    await file.datasync().catch(() => {});
    expect(await byte()).to.equal(2);
    disk.apply({ kind: 'evict' });
    expect(await byte()).to.equal(1);
  });
});

/** Three members that are asked for something all the time, and nothing else but what a test adds. */
function quiet(seed: number, members: number, actions: StackCase['actions']): StackCase {
  const drawn = drawStackCase(seed, { members, faults: [], safetyMs: 8000 });
  return { ...drawn, actions: [...drawn.actions, ...actions].sort((a, b) => a.at - b.at) };
}

async function ran(of: StackCase) {
  const { finding, world, committed } = await runOn(nodeHost, of, registers());
  expect(finding).to.equal(undefined);
  expect(committed).to.be.above(20);
  return world;
}

describe('simulated replicas whose disks damage what was synced', () => {
  const crash = (at: number, who: number) =>
    ({ at, action: { kind: 'crash', who, loss: 'unsynced', forMs: 500 } }) as const;
  const rots = (at: number, who: number, count: number): StackCase['actions'] =>
    Array.from({ length: count }, (_, choice) => ({ at, action: { kind: 'bit-rot', who, choice } as const }));

  it('tell it, and are replaced, and nothing damaged is served', async () => {
    const world = await ran(quiet(1, 3, [...rots(4000, 1, 12), crash(4100, 1)]));
    expect([...world.operator.removed]).to.deep.equal([2n]);
    expect(world.members.map(({ isGone }) => isGone).slice(0, 2)).to.deep.equal([false, true]);
    expect(world.members).to.have.length(4);
  });

  it('are damaged only where enough other disks stay', async () => {
    const everywhere = [0, 1, 2].flatMap((who) => [...rots(4000 + who, who, 12), crash(4100 + who, who)]);
    const world = await ran(quiet(1, 3, everywhere));
    expect(world.operator.removed.size).to.be.below(2);
    expect((await ran(quiet(2, 1, [...rots(4000, 0, 12), crash(4100, 0)]))).operator.removed.size).to.equal(0);
  });

  it('come back alone after a failed sync, and go on', async () => {
    const failing = [0, 1, 2].map(
      (who) =>
        ({ at: 2000 + 1700 * who, action: { kind: 'failing-sync', who, forMs: 1500, restarts: 'process' } }) as const,
    );
    // A power cut shows what was never written.
    const world = await ran(quiet(1, 3, [...failing, crash(7500, 0), crash(7500, 1), crash(7500, 2)]));
    expect(world.operator.removed.size).to.equal(0);
  });
});
