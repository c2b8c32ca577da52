/** The scenarios of etcd's own tests of its snapshot files, under their names. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshot } from '@raft-ts/proto';
import { SnapshotFiles } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { refused } from './logs.js';
import { removeScratch, scratchFolder } from './vectors.js';

const voters = { voters: [1n, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function snapshotAt(index: number, term: number): Snapshot {
  return { data: new TextEncoder().encode('some snapshot'), metadata: { confState: voters, index, term } };
}

async function folderOf(...snapshots: Snapshot[]): Promise<{ dir: string; files: SnapshotFiles }> {
  const dir = join(scratchFolder(), 'snap');
  const files = await SnapshotFiles.open(dir);
  for (const snapshot of snapshots) await files.save(snapshot);
  return { dir, files };
}

const nameOf = (term: number, index: number): string =>
  `${term.toString(16).padStart(16, '0')}-${index.toString(16).padStart(16, '0')}.snap`;

describe("etcd's tests of snapshot files", () => {
  afterEach(removeScratch);

  it('SS-001 TestSaveAndLoad: what was saved is loaded', async () => {
    const { files } = await folderOf(snapshotAt(1, 1));
    expect(await files.load()).to.deep.equal(snapshotAt(1, 1));
  });

  it('SS-002 TestBadCRC: another sum is refused', async () => {
    const { dir, files } = await folderOf(snapshotAt(1, 1));
    const path = join(dir, nameOf(1, 1));
    const bytes = readFileSync(path);
    bytes[2] = (bytes[2] as number) ^ 1;
    writeFileSync(path, bytes);
    const warnings: string[] = [];
    const again = await SnapshotFiles.open(dir, { logger: { warn: (text) => warnings.push(text) } });
    await refused(again.load(), 'ERR_RAFT_SNAP_NONE');
    expect(warnings.join()).to.include('crc mismatch');
    expect(files.dir).to.equal(dir);
  });

  it('SS-003 TestFailback: if the newest is bad, it is renamed and an older one is loaded', async () => {
    const { dir, files } = await folderOf(snapshotAt(1, 1));
    writeFileSync(join(dir, nameOf(0xffff, 0xffff)), 'bad data');
    expect(await files.load()).to.deep.equal(snapshotAt(1, 1));
    expect(existsSync(join(dir, `${nameOf(0xffff, 0xffff)}.broken`))).to.equal(true);
  });

  it('SS-004 TestSnapNames: newest first', async () => {
    const { dir, files } = await folderOf();
    for (let i = 1; i <= 5; i++) writeFileSync(join(dir, `${i}.snap`), '');
    expect(await files.names()).to.deep.equal(['5.snap', '4.snap', '3.snap', '2.snap', '1.snap']);
  });

  it('SS-005 TestLoadNewestSnap: the newest, or the newest that the log confirms, in any order', async () => {
    const { files } = await folderOf(snapshotAt(1, 1), snapshotAt(5, 1));
    expect((await files.load()).metadata.index).to.equal(5);
    const old = { index: 1, term: 1 };
    const newest = { index: 5, term: 1 };
    expect((await files.load([old])).metadata.index).to.equal(1);
    for (const marks of [[newest], [old, newest], [newest, old], [{ index: 6, term: 1 }, newest]]) {
      expect((await files.load(marks)).metadata.index).to.equal(5);
    }
    await refused(files.load([{ index: 5, term: 2 }]), 'ERR_RAFT_SNAP_NONE');
  });

  it('SS-006 TestNoSnapshot: an empty folder has none', async () => {
    const { files } = await folderOf();
    await refused(files.load(), 'ERR_RAFT_SNAP_NONE');
  });

  it('SS-007 TestEmptySnapshot: an empty file is broken', async () => {
    const { dir, files } = await folderOf();
    writeFileSync(join(dir, nameOf(1, 1)), '');
    await refused(files.load(), 'ERR_RAFT_SNAP_NONE');
    expect(readdirSync(dir)).to.deep.equal([`${nameOf(1, 1)}.broken`]);
  });

  it('SS-008 TestAllSnapshotBroken: all are renamed, and none is left', async () => {
    const { dir, files } = await folderOf();
    for (let i = 1; i <= 3; i++) writeFileSync(join(dir, nameOf(1, i)), 'bad');
    await refused(files.load(), 'ERR_RAFT_SNAP_NONE');
    expect(readdirSync(dir).every((name) => name.endsWith('.broken'))).to.equal(true);
  });

  it('SS-009 TestReleaseSnapDBs: streams below the index go', async () => {
    const { dir, files } = await folderOf();
    for (const index of [100, 200, 300, 400]) await files.saveStream([new Uint8Array(1)], index);
    const removed = await files.releaseStreams(300);
    expect(removed).to.have.length(2);
    expect(readdirSync(dir)).to.deep.equal(['000000000000012c.snap.db', '0000000000000190.snap.db']);
  });
});
