import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshot } from '@raft-ts/proto';
import { SnapshotFiles } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { FaultyFs, fileError } from './faulty-fs.js';
import { failure, oneVoter, refused, refusedBySystem } from './logs.js';
import { loadFolders, removeScratch, type SnapExpected, scratchFolder, snapshotOf, toHex, unpack } from './vectors.js';

const snapshot: Snapshot = {
  data: new TextEncoder().encode('some snapshot'),
  metadata: {
    confState: { ...oneVoter, voters: [1n, 2n, 3n] },
    index: 1,
    term: 1,
  },
};

describe('snapshot folders that Go wrote', () => {
  afterEach(removeScratch);

  for (const folder of loadFolders<SnapExpected>('snap')) {
    for (const [i, load] of folder.expected.loads.entries()) {
      it(`${folder.name}: ${folder.expected.note}; load ${i + 1}`, async () => {
        const dir = unpack(folder);
        const files = await SnapshotFiles.open(dir);
        const marks = load.walSnapshots?.map(({ index, term }) => ({
          index: Number(index ?? 0),
          term: Number(term ?? 0),
        }));
        if (load.error === '') {
          expect(await files.load(marks)).to.deep.equal(snapshotOf(load.snapshot as NonNullable<typeof load.snapshot>));
        } else await refused(files.load(marks), 'ERR_RAFT_SNAP_NONE');
        expect(readdirSync(dir).sort()).to.deep.equal([...load.filesAfter].sort());
      });
    }
  }
});

describe('snapshot files', () => {
  afterEach(removeScratch);

  it("are etcd's, byte for byte", async () => {
    const dir = join(scratchFolder(), 'snap');
    await (await SnapshotFiles.open(dir)).save(snapshot);
    expect(readdirSync(dir)).to.deep.equal(['0000000000000001-0000000000000001.snap']);
    const path = join(dir, '0000000000000001-0000000000000001.snap');
    // Etcd 3.7 leaves zeros out too.
    expect(toHex(readFileSync(path))).to.equal(
      '08e8a0dcdb0b121d0a0d736f6d6520736e617073686f74120c0a0608010802080310011801',
    );
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('are not there if writing them failed, and the older one still is', async () => {
    const fs = new FaultyFs();
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir, { fs });
    await files.save(snapshot);
    for (const operation of ['write', 'datasync', 'rename'] as const) {
      fs.hook = (called) => {
        if (called === operation) throw fileError('ENOSPC');
      };
      const newer = { ...snapshot, metadata: { ...snapshot.metadata, index: 2 } };
      await refusedBySystem(files.save(newer), 'ENOSPC', operation);
      fs.hook = () => {};
      expect((await files.load()).metadata.index).to.equal(1);
    }
    await SnapshotFiles.open(dir);
    expect(readdirSync(dir)).to.have.length(1);
  });

  it('have their name only once they are durable', async () => {
    const fs = new FaultyFs();
    const dir = join(scratchFolder(), 'snap');
    await (await SnapshotFiles.open(dir, { fs })).save(snapshot);
    const name = '0-0000000000000001-0000000000000001.snap.tmp';
    const order = [`datasync ${name}`, `rename ${name}`, 'syncDirectory snap'];
    expect(fs.calls.filter((call) => order.includes(call)).slice(-3)).to.deep.equal(order);
  });

  it('of no index are not saved', async () => {
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir);
    await files.save({ ...snapshot, metadata: { ...snapshot.metadata, index: 0 } });
    expect(readdirSync(dir)).to.deep.equal([]);
  });

  it('stream in and out, piece by piece', async () => {
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir);
    const pieces = Array.from({ length: 40 }, (_, i) => new Uint8Array(100_000).fill(i));
    expect(await files.saveStream(pieces, 7)).to.equal(4_000_000);
    let length = 0;
    for await (const piece of files.loadStream(7)) {
      for (let at = 0; at < piece.length; at += 50_000) expect(piece[at]).to.equal(Math.floor((length + at) / 100_000));
      length += piece.length;
    }
    expect(length).to.equal(4_000_000);
    await refused(files.loadStream(8).next(), 'ERR_RAFT_SNAP_NONE');
    expect(await files.streamSize(7)).to.equal(4_000_000);
    await refused(files.streamSize(8), 'ERR_RAFT_SNAP_NONE');
  });

  it('take over a stream that lies in a file already, without copying it', async () => {
    const scratch = scratchFolder();
    const dir = join(scratch, 'snap');
    const files = await SnapshotFiles.open(dir);
    const body = join(scratch, 'body');
    writeFileSync(body, 'of another member');
    await files.saveStream([Buffer.from('an older one')], 7);
    const { ino } = statSync(body);
    expect(await files.adoptStream(body, 7)).to.equal(true);
    const stream = join(dir, '0000000000000007.snap.db');
    expect(statSync(stream).ino).to.equal(ino);
    // Once more, now that it is where it belongs: the transport may have put it there.
    expect(await files.adoptStream(stream, 7)).to.equal(true);
    expect(readFileSync(stream).toString()).to.equal('of another member');
    expect(readdirSync(scratch)).to.deep.equal(['snap']);
  });

  it('leave a file alone that lies on another file system, and report any other failure', async () => {
    const scratch = scratchFolder();
    const dir = join(scratch, 'snap');
    const body = join(scratch, 'body');
    writeFileSync(body, 'of another member');
    const fs = new FaultyFs();
    const files = await SnapshotFiles.open(dir, { fs });
    let code = 'EXDEV';
    fs.hook = (operation) => {
      if (operation === 'rename') throw fileError(code);
    };
    expect(await files.adoptStream(body, 7)).to.equal(false);
    code = 'EIO';
    await refusedBySystem(files.adoptStream(body, 7), 'EIO', 'rename');
    expect(readdirSync(dir)).to.deep.equal([]);
    expect(readFileSync(body).toString()).to.equal('of another member');
  });

  it('say nothing of files that a transport is writing beside them', async () => {
    const dir = join(scratchFolder(), 'snap');
    const said: string[] = [];
    const files = await SnapshotFiles.open(dir, { logger: { warn: (line) => said.push(line) } });
    writeFileSync(join(dir, 'tmp0b5e1a52-9c1f-4a8e-8f0e-1f2d3c4b5a69'), '');
    writeFileSync(join(dir, 'strange'), '');
    await files.names();
    expect(said.map((line) => line.split(':')[0])).to.deep.equal(['ignored strange']);
  });

  it('replace a stream of their index, each with all of its own bytes, though two come at the same time', async () => {
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir);
    const textOf = async (): Promise<string> => {
      const parts: Uint8Array[] = [];
      for await (const piece of files.loadStream(7)) parts.push(piece);
      return Buffer.concat(parts).toString();
    };
    writeFileSync(join(dir, '0000000000000007.snap.db'), 'of whom nobody knows');
    let go: () => void = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('slow');
      await wait;
      yield Buffer.from(' one');
    }
    const slowly = files.saveStream(slow(), 7);
    await files.saveStream([Buffer.from('quick')], 7);
    expect(await textOf()).to.equal('quick');
    go();
    await slowly;
    expect(await textOf()).to.equal('slow one');
    expect(readdirSync(dir)).to.deep.equal(['0000000000000007.snap.db']);
  });

  it('are synced in parts while they stream in, and at the end', async () => {
    const fs = new FaultyFs();
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir, { fs });
    fs.calls.length = 0;
    const pieces = Array.from({ length: 13 }, (_, i) => new Uint8Array(2 ** 20).fill(i));
    expect(await files.saveStream(pieces, 7)).to.equal(13 * 2 ** 20);
    const syncs = fs.calls.flatMap((call, i) => (call.startsWith('datasync') ? [i] : []));
    const writes = syncs.map((at) => fs.calls.slice(0, at).filter((call) => call.startsWith('write')).length);
    expect(writes).to.deep.equal([4, 8, 12, 13]);
    fs.hook = (called) => {
      if (called === 'datasync') throw fileError('EIO');
    };
    for (const count of [5, 13]) {
      await refusedBySystem(files.saveStream(pieces.slice(0, count), 8), 'EIO', 'datasync');
    }
    fs.hook = () => {};
    expect(readdirSync(dir)).to.deep.equal(['0000000000000007.snap.db']);
  });

  it('whose stream breaks off leave nothing', async () => {
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error('the sender is gone');
    }
    expect((await failure(files.saveStream(broken(), 9))).message).to.equal('the sender is gone');
    expect(readdirSync(dir)).to.deep.equal([]);
  });

  it('are purged by number, but for the one that the log needs', async () => {
    const dir = join(scratchFolder(), 'snap');
    const files = await SnapshotFiles.open(dir);
    for (let index = 1; index <= 8; index++) {
      await files.save({ ...snapshot, metadata: { ...snapshot.metadata, index } });
      await files.saveStream([new Uint8Array(1)], index);
    }
    writeFileSync(join(dir, 'notes.txt'), 'not ours');
    await files.purge(3, { index: 2, term: 1 });
    const left = (await files.names()).map((name) => Number.parseInt(name.slice(17), 16));
    expect(left).to.deep.equal([8, 7, 6, 2]);
    expect(readdirSync(dir).filter((name) => name.endsWith('.db'))).to.have.length(7);
    expect(readdirSync(dir)).to.include('notes.txt');
  });
});
