/**
 * The table of damage in docs/wal.md on a simulated disk, which knows what was synced: the verdicts are the same, what
 * was acknowledged had been synced, and what a power cut leaves of a write that was not acknowledged is never called
 * corrupt.
 */
import { seededRandom } from '@raft-ts/raft/internal';
import { repair, Wal } from '@raft-ts/raftwal';
import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import {
  type DirectoryImage,
  DirectoryNode,
  Disk,
  FileNode,
  type Node,
  PowerCut,
  type Sector,
  SimFs,
  ZERO_SECTOR,
} from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { BEFORE_LAST_WRITE, checkCell, logFor, type Place, type Shelf, table } from '../damage-table.js';
import { failure, indexes } from '../logs.js';

const SEED = 1;

class SimShelf implements Shelf {
  readonly disk: Disk;
  readonly fs: SimFs;
  /** Called after each effect. */
  watch: () => void = () => undefined;

  constructor(image: DirectoryImage = new Map([['data', new Map()]])) {
    this.disk = new Disk(image);
    this.fs = new SimFs(this.disk, { onEffect: () => this.watch() });
  }

  place(): string {
    return 'data/wal';
  }

  read(path: string): Buffer {
    const file = this.file(path);
    return bytesOf(file.cached, file.size);
  }

  /** Returns the disk with only what a power cut certainly leaves. */
  readDurable(path: string): Buffer {
    const file = this.file(path);
    return bytesOf(file.durable, file.durableSize);
  }

  /** Puts these bytes on the disk for good: damage has no sync to wait for. */
  write(path: string, bytes: Uint8Array): void {
    const node = this.file(path).id;
    this.disk.apply({ kind: 'truncate', node, size: bytes.length });
    this.disk.apply({ kind: 'write', node, position: 0, bytes: Uint8Array.from(bytes) });
    const sync = this.disk.nextSync;
    this.disk.apply({ kind: 'syncStart', node, sync });
    this.disk.apply({ kind: 'syncEnd', sync, outcome: 'done' });
  }

  private file(path: string): FileNode {
    let node: Node | undefined = this.disk.root;
    for (const name of path.split('/')) node = node instanceof DirectoryNode ? node.names.get(name) : undefined;
    if (!(node instanceof FileNode)) throw new Error(`no file ${path}`);
    return node;
  }
}

function bytesOf(sectors: readonly Sector[], size: number): Buffer {
  const whole = Array.from({ length: Math.ceil(size / SECTOR_SIZE) }, (_, i) => (sectors[i] ?? ZERO_SECTOR).bytes);
  return Buffer.concat(whole).subarray(0, size);
}

/** Opens the log, reads it and closes it; returns the error code if it is refused. */
async function open(fs: SimFs): Promise<number[] | string> {
  const wal = await Wal.open('data/wal', { fs, segmentSize: 16_384 });
  try {
    return indexes((await wal.readAll()).entries);
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await wal.close();
  }
}

describe('the table of damage on a simulated disk', () => {
  for (const [cell, verdict] of table()) {
    const [damage, place] = cell.split(', ') as [string, Place];
    it(`${cell}: ${verdict}`, () => checkCell(damage, place, { verdict, marked: false }, new SimShelf()));
  }

  it('knows that everything acknowledged had been synced: what is refused as corrupt, and what cannot be told from it', async () => {
    for (const place of ['last record', 'earlier file'] as const) {
      const shelf = new SimShelf();
      const { path, offsets } = await logFor(place, shelf);
      const end = offsets.at(-1) as number;
      expect(shelf.readDurable(path).subarray(0, end)).to.deep.equal(shelf.read(path).subarray(0, end));
    }
  });

  it('a last write that was not acknowledged is never corrupt, no matter what a power cut leaves of it', async () => {
    const random = seededRandom(SEED);
    const images: { image: DirectoryImage; torn: boolean }[] = [];
    const shelf = new SimShelf();
    await logFor('last record', shelf, () => {
      shelf.watch = () => {
        const cut = new PowerCut(shelf.disk, random);
        if (cut.counts.sectors === 0) return;
        for (const choice of cut.choices(random, 20)) {
          images.push({ image: cut.image(choice), torn: cut.tears(choice) });
        }
      };
    });
    expect(images).to.have.length.greaterThan(20);
    const seen = new Set<string>();
    for (const { image, torn } of images) {
      const cut = new SimShelf(image);
      const found = await open(cut.fs);
      if (typeof found === 'string') {
        // Only a sector that is neither old nor new leaves room for doubt.
        expect(found).to.be.oneOf(torn ? ['ERR_RAFT_WAL_TORN', 'ERR_RAFT_WAL_UNDECIDED'] : ['ERR_RAFT_WAL_TORN']);
        seen.add(found);
        if (found !== 'ERR_RAFT_WAL_TORN') continue;
        await repair('data/wal', { fs: cut.fs });
      }
      const kept = await open(cut.fs);
      expect(kept).to.be.an('array');
      expect((kept as number[]).slice(0, BEFORE_LAST_WRITE)).to.deep.equal([1, 2, 3, 4, 5, 6]);
      seen.add(String(kept.length));
    }
    // Lost whole, in part, and not at all; and both refusals.
    expect([...seen]).to.include.members(['6', '7', '9', 'ERR_RAFT_WAL_TORN', 'ERR_RAFT_WAL_UNDECIDED']);
  });

  it('a zero sector in the last write cannot be told from a power cut: one leaves the very same bytes', async () => {
    const acknowledged = new SimShelf();
    const log = await logFor('earlier in the last write', acknowledged);
    const at = Math.ceil((log.from + 20) / SECTOR_SIZE) * SECTOR_SIZE;
    const damaged = acknowledged.read(log.path).fill(0, at, at + SECTOR_SIZE);

    const random = seededRandom(SEED);
    const left: Buffer[] = [];
    const shelf = new SimShelf();
    await logFor('earlier in the last write', shelf, () => {
      shelf.watch = () => {
        const cut = new PowerCut(shelf.disk, random);
        if (cut.counts.sectors === 0) return;
        for (const choice of cut.choices(random, 0)) left.push(new SimShelf(cut.image(choice)).read(log.path));
      };
    });
    expect(left.some((bytes) => bytes.equals(damaged))).to.equal(true);
  });

  it('the same damage after a later sync is refused: then the disk had it', async () => {
    const shelf = new SimShelf();
    const { path, from } = await logFor('earlier in the last file', shelf);
    const at = Math.ceil((from + 20) / SECTOR_SIZE) * SECTOR_SIZE;
    expect(shelf.readDurable(path).subarray(at, at + SECTOR_SIZE)).not.to.deep.equal(Buffer.alloc(SECTOR_SIZE));
    shelf.write(path, shelf.read(path).fill(0, at, at + SECTOR_SIZE));
    const wal = await Wal.open('data/wal', { fs: shelf.fs, segmentSize: 16_384 });
    expect((await failure(wal.readAll())).code).to.equal('ERR_RAFT_WAL_CORRUPT');
    await wal.close();
  });
});
