import { seededRandom } from '@raft-ts/raft/internal';
import type { FsFile } from '@raft-ts/raftwal';
import { SECTOR_SIZE, writeFully } from '@raft-ts/raftwal/internal';
import {
  type Call,
  type DirectoryImage,
  Disk,
  type Effect,
  type Fault,
  FileImage,
  hashImage,
  KEPT,
  LOST,
  PowerCut,
  SimFs,
} from '@raft-ts/sim/disk';
import { expect } from 'chai';
import fc from 'fast-check';
import { rejectionCode } from './rejection.js';

/** `count` sectors full of one byte. */
const filled = (byte: number, count = 1): Uint8Array => new Uint8Array(count * SECTOR_SIZE).fill(byte);

/** Every image that a cut may leave now. */
function imagesOf(fs: SimFs, samples = 0): DirectoryImage[] {
  const cut = new PowerCut(fs.disk, seededRandom(1));
  return [...cut.choices(seededRandom(2), samples)].map((choice) => cut.image(choice));
}

/** Returns the contents of a file in an image; undefined if the name is not there. */
function contents(image: DirectoryImage, name: string): Uint8Array | undefined {
  const file = image.get(name);
  if (!(file instanceof FileImage)) return undefined;
  return new Uint8Array(Buffer.concat(file.sectors.map((sector) => sector.bytes))).subarray(0, file.size);
}

/** Describes a file: the byte of each sector, `?` for a sector of several bytes, `-` if the name is missing. */
function sketch(image: DirectoryImage, name: string): string {
  const bytes = contents(image, name);
  if (bytes === undefined) return '-';
  let text = '';
  for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
    const sector = bytes.subarray(at, at + SECTOR_SIZE);
    text += sector.every((byte) => byte === sector[0]) ? sector[0] : '?';
  }
  return text;
}

const sketches = (fs: SimFs, name: string): string[] =>
  [...new Set(imagesOf(fs).map((image) => sketch(image, name)))].sort();

/** A file of three sectors of ones, durable, name and all. */
async function durableFile(fs: SimFs, name = 'f'): Promise<FsFile> {
  const file = await fs.open(`/${name}`, { write: true, create: true });
  await writeFully(file, filled(1, 3), 0);
  await file.datasync();
  await fs.syncDirectory('/');
  return file;
}

describe('the simulated disk: contents', () => {
  it('has one image when everything is synced', async () => {
    const fs = new SimFs();
    await durableFile(fs);
    expect(imagesOf(fs).map((image) => sketch(image, 'f'))).to.deep.equal(['111']);
  });

  it('loses, keeps or tears each sector on its own, so later writes may survive earlier ones', async () => {
    const fs = new SimFs();
    const file = await durableFile(fs);
    await file.write(filled(2), 0);
    await file.write(filled(3), 2 * SECTOR_SIZE);
    expect(sketches(fs, 'f')).to.deep.equal(['111', '113', '11?', '211', '213', '21?', '?11', '?13', '?1?']);
    await file.datasync();
    expect(sketches(fs, 'f')).to.deep.equal(['213']);
  });

  it('may leave a version between the last two syncs', async () => {
    const fs = new SimFs();
    const file = await durableFile(fs);
    for (const byte of [2, 3, 4]) await file.write(filled(byte), 0);
    const seen = new Set(imagesOf(fs, 200).map((image) => sketch(image, 'f')));
    expect([...seen].sort()).to.deep.equal(['111', '211', '311', '411', '?11']);
  });

  it('tears a sector between bytes that differ, either way round', async () => {
    const fs = new SimFs();
    const file = await durableFile(fs);
    await file.write(Uint8Array.of(5, 6, 7), 10);
    const torn = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const cut = new PowerCut(fs.disk, seededRandom(seed));
      const bytes = contents(cut.image([2]), 'f') as Uint8Array;
      torn.add([...bytes.subarray(10, 13)].join(''));
      expect(bytes.subarray(0, 10).every((byte) => byte === 1)).to.equal(true);
    }
    expect([...torn].sort()).to.deep.equal(['117', '167', '511', '561']);
  });

  it('lets the size and the data of the part that a file gained survive independently', async () => {
    const fs = new SimFs();
    const file = await durableFile(fs);
    await file.write(filled(2), 3 * SECTOR_SIZE);
    expect(sketches(fs, 'f')).to.deep.equal(['111', '1110', '1112', '111?']);
  });

  it('may bring back what was truncated', async () => {
    const fs = new SimFs();
    const file = await durableFile(fs);
    await file.truncate(SECTOR_SIZE);
    await file.truncate(3 * SECTOR_SIZE);
    expect(sketches(fs, 'f')).to.include.members(['111', '100', '110', '101', '1']);
    await file.datasync();
    expect(sketches(fs, 'f')).to.deep.equal(['100']);
  });

  it('promises nothing about a write that a running sync did not see', async () => {
    const waiting: (() => void)[] = [];
    let slow = false;
    const fs = new SimFs(undefined, {
      pace: async (call) => {
        if (slow && call.op === 'datasync') await new Promise<void>((resolve) => waiting.push(resolve));
      },
    });
    const file = await durableFile(fs);
    slow = true;
    await file.write(filled(2), 0);
    const synced = file.datasync();
    await file.write(filled(3), SECTOR_SIZE);
    await file.write(filled(4), 0);
    expect(sketches(fs, 'f')).to.include('111');
    waiting.shift()?.();
    await synced;
    expect(sketches(fs, 'f')).to.deep.equal(['211', '231', '2?1', '411', '431', '4?1', '?11', '?31', '??1']);
  });

  it('makes only the write through a handle durable', async () => {
    const fs = new SimFs();
    await durableFile(fs);
    const file = await fs.open('/f', { write: true });
    const through = await fs.open('/f', { write: true, writeThrough: true });
    await file.write(filled(2), 0);
    await through.write(filled(3), SECTOR_SIZE);
    expect(sketches(fs, 'f')).to.deep.equal(['131', '231', '?31']);
  });

  it('leaves a write through a handle torn when the cut comes before it resolves', async () => {
    const seen = new Set<string>();
    const fs: SimFs = new SimFs(undefined, {
      pace: async (call) => {
        if (call.op === 'datasync') for (const image of imagesOf(fs)) seen.add(sketch(image, 'f'));
      },
    });
    await durableFile(fs);
    seen.clear();
    const through = await fs.open('/f', { write: true, writeThrough: true });
    await through.write(filled(3), SECTOR_SIZE);
    expect([...seen].sort()).to.deep.equal(['111', '131', '1?1']);
  });
});

describe('the simulated disk: names', () => {
  it('may lose a file that was synced under a name that was not', async () => {
    const fs = new SimFs();
    const file = await fs.open('/new', { write: true, create: true });
    await file.write(filled(1), 0);
    await file.datasync();
    expect(sketches(fs, 'new')).to.deep.equal(['-', '1']);
    await fs.syncDirectory('/');
    expect(sketches(fs, 'new')).to.deep.equal(['1']);
  });

  it('may keep the name and lose the contents', async () => {
    const fs = new SimFs();
    const file = await fs.open('/new', { write: true, create: true });
    await file.write(filled(1), 0);
    await fs.syncDirectory('/');
    expect(sketches(fs, 'new')).to.deep.equal(['', '0', '1', '?']);
  });

  it('finds a renamed file under the old name or the new one, and what it replaced until then', async () => {
    const fs = new SimFs();
    await durableFile(fs, 'old');
    const target = await fs.open('/new', { write: true, create: true });
    await target.write(filled(2), 0);
    await target.datasync();
    await fs.syncDirectory('/');
    await fs.rename('/old', '/new');
    const seen = imagesOf(fs).map((image) => `${sketch(image, 'old')} ${sketch(image, 'new')}`);
    expect(seen.sort()).to.deep.equal(['- 111', '111 2']);
    await fs.syncDirectory('/');
    expect(imagesOf(fs).map((image) => `${sketch(image, 'old')} ${sketch(image, 'new')}`)).to.deep.equal(['- 111']);
  });

  it('keeps any subset of the changes', async () => {
    const fs = new SimFs();
    await durableFile(fs, 'a');
    await fs.open('/b', { write: true, create: true });
    await fs.unlink('/a');
    await fs.mkdir('/d');
    const seen = imagesOf(fs).map((image) => [...image.keys()].sort().join(''));
    expect(seen.sort()).to.deep.equal(['', 'a', 'ab', 'abd', 'ad', 'b', 'bd', 'd']);
  });

  it('keeps one file in one place, no matter which renames survive', async () => {
    const fs = new SimFs();
    await durableFile(fs, 'a');
    await fs.rename('/a', '/b');
    await fs.rename('/b', '/c');
    for (const image of imagesOf(fs)) expect([...image.keys()]).to.have.length(1);
    expect(new Set(imagesOf(fs).flatMap((image) => [...image.keys()]))).to.deep.equal(new Set(['a', 'b', 'c']));
  });

  it('makes a name durable without what it names, and a directory without its own name', async () => {
    const fs = new SimFs();
    await fs.mkdir('/d');
    await fs.open('/d/f', { write: true, create: true });
    await fs.syncDirectory('/d');
    const seen = imagesOf(fs).map((image) =>
      ((image.get('d') as DirectoryImage | undefined)?.has('f') ?? false) ? 'd/f' : [...image.keys()].join(),
    );
    expect(seen.sort()).to.deep.equal(['', 'd/f']);
  });
});

describe('the simulated disk: faults', () => {
  /** A file system whose next sync fails so. */
  async function failing(fault: Fault): Promise<{ fs: SimFs; file: FsFile }> {
    let next: Fault | undefined;
    const fs = new SimFs(undefined, {
      fault: (call) => {
        if (call.op !== 'datasync') return undefined;
        const now = next;
        next = undefined;
        return now;
      },
    });
    const file = await durableFile(fs);
    next = fault;
    return { fs, file };
  }

  it('forgets what a failed sync dropped: the next one resolves and the data is not there', async () => {
    const { fs, file } = await failing({ code: 'EIO', drops: true });
    await file.write(filled(2), 0);
    expect(await rejectionCode(file.datasync())).to.equal('EIO');
    await file.datasync();
    const into = new Uint8Array(SECTOR_SIZE);
    await file.read(into, 0);
    expect(into, 'the cache still shows it').to.deep.equal(filled(2));
    expect(sketches(fs, 'f')).to.deep.equal(['111', '211', '?11']);
    await file.write(filled(2), 0);
    await file.datasync();
    expect(sketches(fs, 'f'), 'written anew').to.deep.equal(['211']);
  });

  it('writes what a failed sync left dirty with the next one', async () => {
    const { fs, file } = await failing({ code: 'EIO' });
    await file.write(filled(2), 0);
    expect(await rejectionCode(file.datasync())).to.equal('EIO');
    expect(sketches(fs, 'f')).to.include('111');
    await file.datasync();
    expect(sketches(fs, 'f')).to.deep.equal(['211']);
  });

  it('fills up: what fits is written, then ENOSPC, and a file that has its room may be overwritten', async () => {
    const fs = new SimFs(undefined, { capacity: () => 4 * SECTOR_SIZE });
    const file = await durableFile(fs);
    expect(await file.write(filled(2, 2), 3 * SECTOR_SIZE)).to.equal(SECTOR_SIZE);
    expect(await rejectionCode(file.write(filled(2), 4 * SECTOR_SIZE))).to.equal('ENOSPC');
    expect(await rejectionCode(file.truncate(5 * SECTOR_SIZE))).to.equal('ENOSPC');
    expect(await file.write(filled(3, 4), 0)).to.equal(4 * SECTOR_SIZE);
    await fs.unlink('/f');
    const next = await fs.open('/g', { write: true, create: true });
    expect(await next.write(filled(4), 0)).to.equal(SECTOR_SIZE);
  });

  it('fails any call with any code, a write after part of it', async () => {
    const faults = new Map<string, Fault>([
      ['write', { code: 'EIO', written: 100 }],
      ['read', { code: 'EIO' }],
      ['rename', { code: 'EROFS' }],
    ]);
    let armed = false;
    const fs = new SimFs(undefined, { fault: (call) => (armed ? faults.get(call.op) : undefined) });
    const file = await durableFile(fs);
    armed = true;
    expect(await rejectionCode(file.write(filled(2), 0))).to.equal('EIO');
    expect(await rejectionCode(file.read(new Uint8Array(1), 0))).to.equal('EIO');
    expect(await rejectionCode(fs.rename('/f', '/g'))).to.equal('EROFS');
    armed = false;
    const into = new Uint8Array(101);
    await file.read(into, 0);
    expect([into[99], into[100]]).to.deep.equal([2, 1]);
  });

  it('excludes by locks, which end with the handle or the process', async () => {
    const disk = new Disk();
    const first = new SimFs(disk);
    const second = new SimFs(disk);
    const a = await durableFile(first);
    const b = await second.open('/f', { write: true });
    expect(await a.lock()).to.equal(true);
    expect(await b.lock()).to.equal(false);
    await a.close();
    expect(await b.lock()).to.equal(true);
    const c = await first.open('/f', { write: true });
    expect(await c.lock()).to.equal(false);
    second.kill();
    expect(await c.lock()).to.equal(true);
    // As Linux has it, readers share one, for which they need no right to write.
    const readers = [await first.open('/f'), await first.open('/f')] as const;
    expect(await rejectionCode(readers[0].lock())).to.equal('EBADF');
    expect(await readers[0].lock({ shared: true })).to.equal(false);
    await c.close();
    for (const reader of readers) expect(await reader.lock({ shared: true })).to.equal(true);
    const d = await first.open('/f', { write: true });
    expect(await d.lock()).to.equal(false);
    for (const reader of readers) await reader.close();
    expect(await d.lock()).to.equal(true);
  });

  it('answers nothing after a kill, and keeps what was written in the cache', async () => {
    const disk = new Disk();
    const first = new SimFs(disk);
    const file = await durableFile(first);
    await file.write(filled(2), 0);
    first.kill();
    let answered = false;
    void file.write(filled(3), 0).finally(() => {
      answered = true;
    });
    const second = new SimFs(disk);
    const again = await second.open('/f');
    const into = new Uint8Array(SECTOR_SIZE);
    await again.read(into, 0);
    expect(into).to.deep.equal(filled(2));
    expect(answered).to.equal(false);
    expect(sketches(second, 'f')).to.include('111');
  });
});

describe('the simulated disk: traces and choices', () => {
  it('makes all 3^k choices up to three sectors, and all 2^d of names', async () => {
    for (const [sectors, names] of [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 2],
    ] as const) {
      const fs = new SimFs();
      const file = await durableFile(fs);
      for (let i = 0; i < sectors; i++) await file.write(filled(2), i * SECTOR_SIZE);
      for (let i = 0; i < names; i++) await fs.open(`/n${i}`, { write: true, create: true });
      const hashes = new Set(imagesOf(fs).map(hashImage));
      expect(hashes.size).to.equal(3 ** sectors * 2 ** names);
    }
  });

  it('makes every prefix, single loss, single tear and lost pair beyond three sectors', async () => {
    const fs = new SimFs();
    const file = await fs.open('/f', { write: true, create: true });
    await file.write(filled(1, 6), 0);
    await file.datasync();
    await fs.syncDirectory('/');
    for (let i = 0; i < 6; i++) await file.write(filled(2), i * SECTOR_SIZE);
    const seen = new Set(sketches(fs, 'f'));
    for (let i = 0; i <= 6; i++) expect(seen).to.include('2'.repeat(i) + '1'.repeat(6 - i));
    const but = (...changes: [number, string][]): string => {
      const letters = '222222'.split('');
      for (const [i, letter] of changes) letters[i] = letter;
      return letters.join('');
    };
    for (let i = 0; i < 6; i++) {
      expect(seen).to.include(but([i, '1']));
      expect(seen).to.include(but([i, '?']));
      for (let j = i + 1; j < 6; j++) expect(seen).to.include(but([i, '1'], [j, '1']));
    }
  });

  it('records calls with what they asked for, failed ones too', async () => {
    const calls: Call[] = [];
    const fs = new SimFs(undefined, { onCall: (call) => calls.push(call) });
    await rejectionCode(fs.open('/f'));
    const file = await fs.open('/f', { write: true, create: true });
    await file.write(filled(1), 7);
    await fs.rename('/f', '/g');
    expect(calls).to.deep.equal([
      { op: 'open', path: '/f' },
      { op: 'open', path: '/f' },
      { op: 'write', path: '/f', position: 7, length: SECTOR_SIZE },
      { op: 'rename', path: '/g', from: '/f' },
    ]);
  });

  it('is what its effects make it: replayed anywhere, they give the same images', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const effects: Effect[] = [];
        const fs = new SimFs(undefined, { onEffect: (effect) => effects.push(effect) });
        const cached = new Map<string, Buffer>();
        for (const { name, op, at, byte } of operations) await perform(fs, cached, { name, op, at, byte });
        const replayed = new Disk();
        for (const effect of effects) replayed.apply(effect);
        const [here, there] = [new PowerCut(fs.disk, seededRandom(1)), new PowerCut(replayed, seededRandom(1))];
        const random = [seededRandom(2), seededRandom(2)] as const;
        for (let i = 0; i < 10; i++) {
          expect(hashImage(here.image(here.sample(random[0])))).to.equal(
            hashImage(there.image(there.sample(random[1]))),
          );
        }
        // Programs see the contents of a plain model, and a cut that loses nothing leaves the same.
        const kept = here.image(here.all(KEPT));
        expect([...kept.keys()].sort()).to.deep.equal([...cached.keys()].sort());
        for (const [name, bytes] of cached)
          expect(Buffer.from(contents(kept, name) as Uint8Array).equals(bytes), name).to.equal(true);
        // After a sync of everything there is nothing left to lose.
        for (const name of cached.keys()) await (await fs.open(`/${name}`)).datasync();
        await fs.syncDirectory('/');
        const synced = new PowerCut(fs.disk, seededRandom(1));
        expect(synced.counts).to.deep.equal({ sectors: 0, sizes: 0, names: 0 });
        expect(hashImage(synced.image(synced.all(LOST)))).to.equal(hashImage(kept));
      }),
    );
  });
});

const operation = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  op: fc.constantFrom('write', 'write', 'truncate', 'datasync', 'rename', 'unlink', 'syncDirectory'),
  at: fc.nat(2000),
  byte: fc.nat(255),
});

/** Does one drawn thing to the file system and to a plain model of what programs see. */
async function perform(
  fs: SimFs,
  model: Map<string, Buffer>,
  { name, op, at, byte }: { name: string; op: string; at: number; byte: number },
): Promise<void> {
  const old = model.get(name) ?? Buffer.alloc(0);
  if (op === 'syncDirectory') return fs.syncDirectory('/');
  if (op === 'write' || op === 'truncate') {
    const file = await fs.open(`/${name}`, { write: true, create: true });
    const size = op === 'write' ? Math.max(old.length, at + 300) : at;
    const next = Buffer.alloc(size);
    old.copy(next);
    if (op === 'write') await writeFully(file, next.subarray(at, at + 300).fill(byte), at);
    else await file.truncate(at);
    model.set(name, next);
    return file.close();
  }
  if (!model.has(name)) return;
  if (op === 'datasync') {
    await (await fs.open(`/${name}`)).datasync();
  } else if (op === 'unlink') {
    await fs.unlink(`/${name}`);
    model.delete(name);
  } else {
    const to = ['a', 'b', 'c'][byte % 3] as string;
    await fs.rename(`/${name}`, `/${to}`);
    model.delete(name);
    model.set(to, old);
  }
}
