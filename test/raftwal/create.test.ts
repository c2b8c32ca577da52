/** A new log is created inside its folder, which may be missing, a mount point, or a link to a folder elsewhere. */
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@raft-ts/raft/internal';
import { DurableStorage, Wal } from '@raft-ts/raftwal';
import { listSegments, segmentName } from '@raft-ts/raftwal/internal';
import { type DirectoryImage, Disk, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { entries, entry, indexes, refused, state } from './logs.js';
import { TracedFs } from './traced.js';

const SEGMENT_SIZE = 2048;
const dir = '/member/wal';
const first = segmentName(0, 0).name;

async function touch(fs: SimFs, path: string, byte = 7): Promise<void> {
  const file = await fs.open(path, { write: true, create: true });
  await file.write(new Uint8Array(600).fill(byte), 0);
  await file.datasync();
  await file.close();
}

/** The possible states of the folder before a log is created. */
const folders: readonly (readonly [name: string, prepare: (fs: SimFs) => Promise<void>])[] = [
  ['is missing', async () => {}],
  ['is empty', (fs) => fs.mkdir(dir)],
  [
    'is a file system of its own',
    async (fs) => {
      await fs.mkdir(dir);
      await fs.mkdir(`${dir}/lost+found`);
    },
  ],
  [
    'holds what an interrupted attempt has left',
    async (fs) => {
      await fs.mkdir(dir);
      for (const name of ['0.tmp', '1.tmp']) await touch(fs, `${dir}/${name}`);
    },
  ],
  [
    'is missing, and what etcd did not finish lies beside it',
    async (fs) => {
      await fs.mkdir(`${dir}.tmp`);
      await touch(fs, `${dir}.tmp/${first}`);
    },
  ],
];

async function prepared(prepare: (fs: SimFs) => Promise<void>): Promise<Disk> {
  const fs = new SimFs();
  await fs.mkdir('/member');
  await fs.syncDirectory('/');
  await prepare(fs);
  for (const folder of ['/member', dir, `${dir}.tmp`]) await fs.syncDirectory(folder).catch(() => {});
  return fs.disk;
}

/** Makes a log, or opens the one that is there, and uses it. */
async function use(disk: Disk): Promise<'new' | 'whole'> {
  const fs = new TracedFs({}, disk);
  const found = (await listSegments(fs, dir)).length > 0;
  const wal = await (found ? Wal.open : Wal.create)(dir, { fs, segmentSize: SEGMENT_SIZE });
  if (found) expect(await wal.readAll()).to.deep.include({ entries: [], hardState: undefined, damage: undefined });
  await wal.save(state(1, 1n, 0), entries(1, 2));
  await wal.close();
  const again = await Wal.open(dir, { fs, segmentSize: SEGMENT_SIZE });
  expect(indexes((await again.readAll()).entries)).to.deep.equal([1, 2]);
  await again.close();
  expect(fs.leftOpen).to.deep.equal([]);
  return found ? 'whole' : 'new';
}

describe('a log that is made', () => {
  it('has a durable head before its file has a name, and a durable name before it is used', async () => {
    const fs = new TracedFs({}, await prepared(async () => {}));
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    const made = fs.trace(['mkdir', 'write', 'datasync', 'close', 'rename', 'syncDirectory', 'lock']);
    expect(made.slice(0, made.indexOf(`lock ${first}`))).to.deep.equal([
      'lock wal.mark',
      'mkdir wal',
      'syncDirectory member',
      'write 0.tmp',
      'write 0.tmp',
      'datasync 0.tmp',
      'close 0.tmp',
      `rename 0.tmp ${first}`,
      'syncDirectory wal',
    ]);
    await wal.save(undefined, entries(1, 2));
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
    await refused(Wal.create(dir, { fs }), 'ERR_RAFT_WAL_EXISTS');
  });

  for (const [name, prepare] of folders) {
    it(`in a folder that ${name} is there whole, or not at all, whenever the power is cut`, async () => {
      const images: DirectoryImage[] = [];
      const fs = new SimFs(await prepared(prepare), {
        onEffect: () => {
          const cut = new PowerCut(fs.disk, seededRandom(1));
          for (const choice of cut.choices(seededRandom(2), 2)) images.push(cut.image(choice));
        },
      });
      const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
      await wal.close();
      const seen = { new: 0, whole: 0 };
      for (const image of images) seen[await use(new Disk(image))]++;
      expect(seen.new).to.be.above(10);
      expect(seen.whole).to.be.above(0);
    });

    it(`in a folder that ${name} is made after any failure of the system, once that is over`, async () => {
      for (let failing = 0, over = false; !over; failing++) {
        const disk = await prepared(prepare);
        let calls = 0;
        const fs = new TracedFs({ fault: () => (calls++ === failing ? { code: 'EIO' } : undefined) }, disk);
        const made = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE }).catch(() => undefined);
        over = calls <= failing;
        await made?.close();
        expect(fs.leftOpen).to.deep.equal([]);
        const cut = new PowerCut(disk, seededRandom(1));
        await use(new Disk(cut.image(cut.all(LOST))));
      }
    });
  }

  it('survives in a folder that an interrupted start made without syncing its name', async () => {
    const disk = await prepared(async () => {});
    const fs = new SimFs(disk);
    await fs.mkdir(dir);
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), entries(1, 2));
    await wal.close();
    const cut = new PowerCut(disk, seededRandom(1));
    const after = await Wal.open(dir, { fs: new SimFs(new Disk(cut.image(cut.all(LOST)))) });
    expect(indexes((await after.readAll()).entries)).to.deep.equal([1, 2]);
    await after.close();
  });

  it('in a folder that can be neither renamed nor removed, as a mount point, is made all the same', async () => {
    const busy = ({ op, path, from }: { op: string; path: string; from?: string }) =>
      (op === 'rmdir' || op === 'rename') && (path === dir || from === dir) ? { code: 'EBUSY' } : undefined;
    const fs = new TracedFs({ fault: busy }, await prepared((made) => made.mkdir(dir)));
    const storage = await DurableStorage.open('/member', { fs, nodeId: 1n, clusterId: 2n, segmentSize: SEGMENT_SIZE });
    await storage.save({ entries: [entry(1)] });
    await storage.close();
    const again = await DurableStorage.open('/member', { fs, nodeId: 1n, clusterId: 2n, segmentSize: SEGMENT_SIZE });
    expect([again.isNew, again.lastIndex()]).to.deep.equal([false, 1]);
    await again.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('takes no folder with files of somebody else', async () => {
    const fs = new TracedFs({}, await prepared((made) => made.mkdir(dir)));
    await touch(fs, `${dir}/notes.txt`);
    const { message } = await refused(Wal.create(dir, { fs }), 'ERR_RAFT_WAL_EXISTS');
    expect(message).to.include('notes.txt');
    expect(await fs.readdir(dir)).to.deep.equal(['notes.txt']);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  describe('behind a link', () => {
    let root: string;
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'raft-ts-link-'));
      mkdirSync(join(root, 'member'));
      symlinkSync(join(root, 'elsewhere'), join(root, 'member', 'wal'));
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));
    const options = { nodeId: 1n, clusterId: 2n, segmentSize: SEGMENT_SIZE };

    it('is where the link leads, and its mark is beside the link', async () => {
      mkdirSync(join(root, 'elsewhere'));
      for (const lastIndex of [0, 1]) {
        const storage = await DurableStorage.open(join(root, 'member'), options);
        expect([storage.isNew, storage.lastIndex()]).to.deep.equal([lastIndex === 0, lastIndex]);
        await storage.save({ hardState: state(1, 1n, 0), entries: [entry(lastIndex + 1)] });
        await storage.close();
      }
      expect(readdirSync(join(root, 'elsewhere'))).to.deep.equal([first]);
      expect(lstatSync(join(root, 'member', 'wal')).isSymbolicLink()).to.equal(true);
      expect(existsSync(join(root, 'member', 'wal.mark'))).to.equal(true);
    });

    it('that leads nowhere is refused with advice', async () => {
      const { message } = await refused(DurableStorage.open(join(root, 'member'), options), 'ERR_RAFT_WAL_IO');
      expect(message).to.match(/cannot make .*wal: EEXIST.*a link that leads nowhere/u);
    });
  });
});
