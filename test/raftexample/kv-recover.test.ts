import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EntryType, MemoryStorage, RawNode, silentLogger } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import {
  describePlan,
  FEATURES,
  KvMachine,
  kvFormat,
  parseRecoverFlags,
  type RecoverOptions,
  type RecoveryPlan,
  recoverFolder,
} from '@raft-ts/raftexample/internal';
import { DurableStorage, readMember } from '@raft-ts/raftwal';
import { Disk, KEPT, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { Programs } from './processes.js';
import { Load, StoreProcesses } from './store-processes.js';

const SEGMENT = 8192;
const SURVIVOR = '/disk/member-2';
const NEW = '/disk/new';

async function* pieces(bytes: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* bytes;
}

/**
 * The log of member 2 of three, of which the majority is lost: entries of term 3 that put k1, k2, … and of which the
 * last two are not known to be committed.
 */
async function survivor(fs: SimFs): Promise<void> {
  const log = await DurableStorage.open(SURVIVOR, { nodeId: 2n, clusterId: 4096n, fs, segmentSize: SEGMENT });
  const members = [1n, 2n, 3n];
  await log.keepFounders(members);
  const storage = new MemoryStorage();
  const config = {
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: 2 ** 20,
    maxInflightMsgs: 1,
    logger: silentLogger,
  };
  const raw = new RawNode({ id: 2n, storage, ...config });
  const encoder = new TextEncoder();
  raw.bootstrap(members.map((id) => ({ id, context: encoder.encode(`http://127.0.0.1:${7000n + id}`) })));
  const founding = raw.ready().entries;
  const from = founding.length + 1;
  const entries = Array.from({ length: 10 }, (_, i) => ({
    type: EntryType.EntryNormal,
    term: 3,
    index: from + i,
    data: kvFormat.encode(
      { kind: 'command', command: { op: 'put', key: `k${i}`, value: `v${i}`, ifIndex: undefined } },
      { member: 1n, boot: 1, sequence: i },
    ),
  }));
  const commit = from + 7;
  await log.save({ hardState: { term: 4, vote: 3n, commit }, entries: [...founding, ...entries] });
  await log.close();
}

const options: RecoverOptions = {
  survivor: SURVIVOR,
  id: undefined,
  url: undefined,
  clusterId: 77n,
  data: NEW,
  skip: 1000,
  committedOnly: false,
  dryRun: false,
};
const go = { stopping: new AbortController().signal, tell: (): void => {} };

async function keysOf(fs: SimFs): Promise<readonly string[]> {
  const log = await DurableStorage.open(NEW, { nodeId: 2n, clusterId: 77n, fs, segmentSize: SEGMENT });
  const { data, metadata } = log.snapshot();
  await log.close();
  const machine = new KvMachine();
  const { state, head } = await kvFormat.unwrap(pieces([data as Uint8Array]));
  await machine.restore(state, metadata);
  expect((await head()).members).to.deep.equal([[2n, 'http://127.0.0.1:7002']]);
  expect(metadata.confState.voters).to.deep.equal([2n]);
  return [...machine.entries()].map(([key, { value, index }]) => `${key}=${value}@${index}`);
}

describe('the store: what a survivor holds', () => {
  const newDisk = (): Disk => new Disk(new Map([['disk', new Map()]]));
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );

  it('is a new cluster of one, with what may have been acknowledged, and indexes that only grow', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    const disk = { fs, segmentSize: SEGMENT };
    const told: RecoveryPlan[] = [];
    const plan = await recoverFolder(options, { ...go, tell: (one) => told.push(one), disk });
    expect(told).to.deep.equal([plan]);
    expect(plan).to.deep.equal({
      survivor: 2n,
      formerClusterId: 4096n,
      last: { index: 13, term: 3 },
      commit: 11,
      kept: 13,
      torn: false,
      keys: 10,
      skipped: [],
      moreSkipped: 0,
      dropped: [1n, 3n],
      id: 2n,
      url: 'http://127.0.0.1:7002',
      begins: { index: 1013, term: 4 },
    });
    expect(await keysOf(fs)).to.deep.equal(Array.from({ length: 10 }, (_, i) => `k${i}=v${i}@${4 + i}`));
    const log = await DurableStorage.open(NEW, { nodeId: 2n, clusterId: 77n, fs, segmentSize: SEGMENT });
    expect([log.isNew, log.founders, log.lastIndex()]).to.deep.equal([false, [2n], 1013]);
    expect(log.initialState().hardState).to.deep.equal({ term: 4, vote: 0n, commit: 1013 });
    await log.close();
  });

  it('is only what was known to be committed, if that is asked for, under another id and URL', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    const more = { committedOnly: true, id: 9n, url: 'http://h:1', skip: 0 };
    const plan = await recoverFolder({ ...options, ...more }, { ...go, disk: { fs, segmentSize: SEGMENT } });
    expect(plan).to.deep.include({ kept: 11, keys: 8, id: 9n, url: 'http://h:1', begins: { index: 13, term: 4 } });
    const log = await DurableStorage.open(NEW, { nodeId: 9n, clusterId: 77n, fs, segmentSize: SEGMENT });
    expect(log.snapshot().metadata.confState.voters).to.deep.equal([9n]);
    await log.close();
  });

  it('is told in sentences', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    for (const committedOnly of [false, true]) {
      const asked = { ...options, committedOnly, dryRun: true };
      const calls: string[] = [];
      const watched = new SimFs(fs.disk, { onEffect: ({ kind }, { path }) => calls.push(`${kind} ${path}`) });
      const plan = await recoverFolder(asked, { ...go, disk: { fs: watched } });
      expect(calls).to.deep.equal([]);
      expect(describePlan(plan, asked)).to.deep.equal([
        '/disk/member-2 is of member 2 of cluster 4096; the others were members 1, 3',
        'its log ends at index 13 of term 3, and it knew that all up to 11 was committed',
        committedOnly
          ? 'forgotten: entries 12 to 13, as --committed-only says, although the cluster may have acknowledged them'
          : 'kept: entries 12 to 13 too, since the cluster may have acknowledged them',
        `forgotten: whatever members 1, 3 acknowledged after index ${committedOnly ? 11 : 13}; nobody can tell from here what that is`,
        `kept: ${committedOnly ? 8 : 10} keys, leases, locks and idempotency keys, as of index ${committedOnly ? 11 : 13}`,
        'cluster 77 has member 2 alone, at http://127.0.0.1:7002; its log begins at index 1013 of term 4',
        'dropped: members 1, 3. Their folders are of cluster 4096, and are refused from now on',
      ]);
    }
  });

  it('still knows the keys of late writes, unless as many indexes are left out as they are remembered for', () => {
    const parsed = parseRecoverFlags(['f', '--cluster-id', '9', '--data', 'd']);
    const skip = parsed.kind === 'run' ? parsed.options.skip : 0;
    const last = 600_000;
    const put = { op: 'put', key: 'k', value: 'v', ifIndex: undefined } as const;
    const outcomeOf = (index: number, begins: number): unknown => {
      const machine = new KvMachine();
      const once = { op: 'once', key: 'id', print: 'p', write: put } as const;
      machine.apply(once, { index, term: 3, features: FEATURES });
      return machine.apply(once, { index: begins + 1, term: 4, features: FEATURES }).earlier;
    };
    expect(outcomeOf(last, last + skip)).to.deep.equal({ kind: 'repeated', index: last });
    expect(outcomeOf(last - 400_000, last + skip)).to.deep.equal({ kind: 'repeated', index: last - 400_000 });
    const told = (left: number): string => {
      const begins = { index: last + left, term: 4 };
      const plan: RecoveryPlan = {
        survivor: 2n,
        formerClusterId: 1n,
        last: { index: last, term: 3 },
        commit: last,
        kept: last,
        torn: false,
        keys: 1,
        skipped: [],
        moreSkipped: 0,
        dropped: [],
        id: 2n,
        url: 'http://h:1',
        begins,
      };
      return describePlan(plan, options).join('\n');
    };
    expect(told(skip)).to.include('locks and idempotency keys');
    for (const left of [999_998, 999_999]) {
      const known = outcomeOf(last, last + left) !== undefined;
      expect(told(left).includes('no idempotency keys'), String(left)).to.equal(!known);
    }
  });

  it('is refused, and nothing is written, if it is no such thing', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    const disk = { fs, segmentSize: SEGMENT };
    const attempt = (more: Partial<RecoverOptions>, stopping = go.stopping): Promise<string> =>
      failure(recoverFolder({ ...options, ...more }, { ...go, stopping, disk }));
    expect(await attempt({ clusterId: 4096n })).to.match(/is of cluster 4096: .*Pass another --cluster-id$/u);
    expect(await attempt({ survivor: '/disk/none' })).to.match(/no log in \/disk\/none\/wal/u);
    expect(await attempt({ data: SURVIVOR })).to.match(/member-2 is not empty, and what is in it stays/u);
    expect(await attempt({}, AbortSignal.abort())).to.match(/aborted/u);
    const running = await DurableStorage.open(SURVIVOR, { nodeId: 2n, clusterId: 4096n, ...disk });
    expect(await attempt({})).to.equal('the log in /disk/member-2 is in use by another process');
    await running.close();
    expect(await fs.readdir('/disk')).to.deep.equal(['member-2']);
    for (const commit of [13, 14]) {
      const removed = new SimFs(newDisk());
      await survivor(removed);
      const log = await DurableStorage.open(SURVIVOR, {
        nodeId: 2n,
        clusterId: 4096n,
        fs: removed,
        segmentSize: SEGMENT,
      });
      // A membership change of the first form: remove member 2.
      const data = new Uint8Array([8, 0, 16, 1, 24, 2]);
      await log.save({
        hardState: { term: 4, vote: 3n, commit },
        entries: [{ type: EntryType.EntryConfChange, term: 4, index: 14, data }],
      });
      await log.close();
      const recovered = (committedOnly: boolean): Promise<string> =>
        failure(recoverFolder({ ...options, committedOnly }, { ...go, disk: { fs: removed, segmentSize: SEGMENT } }));
      const text = await recovered(false);
      expect(text).to.match(
        /^member 2, whose log is in \/disk\/member-2, was removed from its cluster.*Recover from a member of 1, 3/u,
      );
      // What is not known to be committed may be forgotten, and the removal with it.
      expect(text.includes('the entries after 13'), text).to.equal(commit === 13);
      expect(await recovered(true)).to.equal(commit === 13 ? 'done' : text);
    }
  });

  /** The survivor's log goes on with these. */
  async function append(fs: SimFs, data: readonly Uint8Array[]): Promise<void> {
    const log = await DurableStorage.open(SURVIVOR, { nodeId: 2n, clusterId: 4096n, fs, segmentSize: SEGMENT });
    const index = log.lastIndex() + 1;
    const entries = data.map((one, i) => ({ type: EntryType.EntryNormal, term: 4, index: index + i, data: one }));
    await log.save({ hardState: undefined, entries });
    await log.close();
  }

  it('is refused where the log opens features that this version does not know, whatever comes after', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    const level = FEATURES + 1;
    const open = { kind: 'features', level, term: 4, members: [1n, 2n, 3n] } as const;
    const request = { member: 1n, boot: 1, sequence: 100 };
    const later = { kind: 'command', command: { op: 'put', key: '', value: '', ifIndex: 'later' } } as never;
    await append(fs, [kvFormat.encode(open, request), kvFormat.encode(later, request)]);
    const told: RecoveryPlan[] = [];
    const disk = { fs, segmentSize: SEGMENT };
    const recovered = recoverFolder(options, { ...go, tell: (plan) => told.push(plan), disk });
    expect(await failure(recovered)).to.equal(
      '/disk/member-2 uses features that this version does not know. Update it',
    );
    expect(told).to.deep.equal([]);
    expect(await fs.readdir('/disk')).to.deep.equal(['member-2']);
  });

  it('is told which entries are left out because nobody can read them', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    const strange = new TextEncoder().encode('{"op":');
    await append(fs, Array<Uint8Array>(12).fill(strange));
    const plan = await recoverFolder(options, { ...go, disk: { fs, segmentSize: SEGMENT } });
    expect(plan).to.deep.include({ keys: 10, kept: 25, moreSkipped: 2 });
    const lines = describePlan(plan, options);
    const first = lines.findIndex((line) => line.startsWith('skipped the entry at index 14, on every member alike: '));
    expect(lines[first + 9]).to.include('the entry at index 23,');
    expect(lines[first + 10]).to.equal('so were 2 more');
    expect(lines[first + 11]).to.match(/^kept: 10 keys/u);
  });

  it('is recovered into one folder by one of two at once, and no other folder is touched', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    for (const name of ['.restoring', '.unfinished']) {
      await fs.mkdir(`${NEW}${name}`);
      await (await fs.open(`${NEW}${name}/mine`, { write: true, create: true })).close();
    }
    const disk = { fs, segmentSize: SEGMENT };
    const ends = await Promise.all([1, 2].map(() => failure(recoverFolder(options, { ...go, disk }))));
    expect(ends.toSorted()[0]).to.match(/^\/disk\/new is not empty, and what is in it stays/u);
    expect(ends.toSorted()[1]).to.equal('done');
    expect(await keysOf(fs)).to.have.length(10);
    expect(await fs.readdir('/disk')).to.deep.equal(['member-2', 'new', 'new.restoring', 'new.unfinished']);
    expect(await fs.readdir(`${NEW}.restoring`)).to.deep.equal(['mine']);
  });

  it('is not put in the place of a link or of a disk', async () => {
    const fs = new SimFs(newDisk());
    await survivor(fs);
    for (const code of ['ENOTDIR', 'EBUSY', 'EXDEV']) {
      const faulty = new SimFs(fs.disk, {
        fault: ({ op, path }) => (op === 'rename' && path.startsWith(`${NEW}.`) ? { code } : undefined),
      });
      const recovered = recoverFolder(options, { ...go, disk: { fs: faulty, segmentSize: SEGMENT } });
      expect(await failure(recovered)).to.match(/^\/disk\/new is a link, or a disk of its own/u);
      expect(await fs.readdir('/disk')).to.deep.equal(['member-2']);
    }
  });

  it('stays as it is through a power cut at any moment, and the new folder is whole or not there', async function cuts() {
    const disk = newDisk();
    await survivor(new SimFs(disk));
    const random = seededRandom(7);
    const images: ReturnType<PowerCut['image']>[] = [];
    const take = (): void => {
      const cut = new PowerCut(disk, random);
      for (const choice of [cut.all(LOST), cut.all(KEPT), cut.sample(random)]) images.push(cut.image(choice));
    };
    const fs = new SimFs(disk, { onEffect: take });
    await recoverFolder(options, { ...go, disk: { fs, segmentSize: SEGMENT } });
    const [before] = images;
    expect(before).to.not.equal(undefined);
    let whole = 0;
    for (const [i, image] of images.entries()) {
      const after = new SimFs(new Disk(image));
      const last = await readMember(SURVIVOR, ({ entries }) => Promise.resolve(entries.at(-1)?.index), { fs: after });
      expect(last, `image ${i}`).to.equal(13);
      if ((await after.readdir('/disk')).includes('new')) whole++;
      else await recoverFolder(options, { ...go, disk: { fs: after, segmentSize: SEGMENT } });
      expect((await keysOf(after)).length, `image ${i}`).to.equal(10);
    }
    expect(images.length).to.be.above(100);
    expect(whole).to.be.within(1, 10);
    // What was said to be done is.
    const told = new PowerCut(disk, random);
    expect(await keysOf(new SimFs(new Disk(told.image(told.all(LOST)))))).to.have.length(10);
  });

  it('has a command line that says what is missing', () => {
    const refusal = (...argv: string[]): string => {
      const command = parseRecoverFlags(argv);
      return command.kind === 'refuse' ? command.reason : command.kind;
    };
    const whole = ['f', '--cluster-id', '9', '--data', 'd'];
    expect(refusal(...whole)).to.equal('run');
    expect(refusal(...whole.slice(1))).to.equal('wants one FOLDER, that of a member which survived');
    for (const flag of ['--cluster-id', '--data'])
      expect(refusal(...whole.toSpliced(whole.indexOf(flag), 2))).to.equal(`${flag} is missing; see --help`);
    expect(refusal(...whole, '--id', '0')).to.equal("--id wants a member's number, 1 or more, not '0'");
    expect(refusal(...whole, '--url', 'h:1')).to.match(/^--url wants http/u);
    expect(refusal('--help')).to.equal('print');
    const parsed = parseRecoverFlags(whole);
    expect(parsed.kind === 'run' && parsed.options).to.deep.include({ skip: 500_000, dryRun: false });
  });
});

/** Every file below a folder, with when it was changed and what is in it. */
function fingerprint(folder: string): Record<string, string> {
  const all: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
    all[path] = `${statSync(path).mtimeMs} ${hash}`;
  }
  return all;
}

describe('the store: three of five are lost', function store() {
  this.timeout(180_000);
  const programs = new Programs();
  let load: Load | undefined;
  after(async () => {
    await load?.abandon();
    await programs.endAll();
  });

  it('goes on as a new cluster with everything that the survivor held, and refuses those that come back', async () => {
    const members = await StoreProcesses.start(programs, {
      founders: 5,
      spares: 1,
      flags: ['--tick', '50ms', '--snapshot-every', '200', '--catch-up', '20'],
    });
    load = new Load(members.client(members.founders));
    await load.more(600);
    const leader = await members.leader();
    const lost = [leader, ...members.founders.filter((id) => id !== leader).slice(0, 2)];
    const survivors = members.founders.filter((id) => !lost.includes(id));
    await Promise.all(lost.map((id) => members.program(id).kill('SIGKILL')));
    await load.abandon();
    await Promise.all(survivors.map((id) => members.stop(id)));
    // One of those that are lost turns up again later, the others do not.
    const [old, ...gone] = lost as [number, number, number];
    for (const id of gone) rmSync(join(programs.folder, members.folder(id)), { recursive: true });

    // What would be done, on each survivor.
    const before = fingerprint(programs.folder);
    const ends: { id: number; last: number; term: number }[] = [];
    const recover = (id: number, ...more: string[]): ReturnType<typeof members.command> =>
      members.command('recover', members.folder(id), '--cluster-id', '4097', '--data', 'new/first', ...more);
    for (const id of survivors) {
      const { code, stdout } = await recover(id, '--dry-run');
      expect(code, stdout).to.equal(0);
      expect(stdout).to.match(/nothing was written, as --dry-run says$/mu);
      const [, last, term] = /^its log ends at index (\d+) of term (\d+)/mu.exec(stdout) ?? [];
      ends.push({ id, last: Number(last), term: Number(term) });
    }
    expect(fingerprint(programs.folder)).to.deep.equal(before);

    // The one that knows most.
    ends.sort((a, b) => b.term - a.term || b.last - a.last);
    const [best, other] = ends as [(typeof ends)[number], (typeof ends)[number]];
    const done = await recover(best.id);
    expect(done, done.stderr).to.include({ code: 0 });
    expect(done.stdout).to.include(`dropped: members ${members.founders.filter((id) => id !== best.id).join(', ')}.`);
    expect(fingerprint(join(programs.folder, members.folder(best.id)))).to.deep.equal(
      Object.fromEntries(Object.entries(before).filter(([path]) => path.includes(`/${members.folder(best.id)}/`))),
    );
    expect((await recover(best.id)).stderr).to.match(/new\/first is not empty/u);

    // It is started, a survivor joins with an empty folder, and so does one that is new.
    const anew = (id: number, ...more: string[]): void =>
      void members.launch(
        id,
        ...['--cluster-id', '4097', '--peers', `${id}=${members.peerUrl(id)}`, '--data', `new/member-${id}`, ...more],
      );
    anew(best.id, '--data', 'new/first');
    await members.ready([best.id]);
    for (const id of [other.id, 6]) {
      anew(id, '--join-via', members.endpoint(best.id));
      await members.ready([id]);
    }
    await using client = members.client([best.id, other.id, 6]);
    let held = 0;
    for (const [key, { value, index }] of load.acknowledged) {
      if (index > best.last) continue;
      held++;
      const item = await client.get(key);
      // A later write that was not acknowledged may have reached the survivor.
      if (item?.index === index) expect(item.value, key).to.equal(value);
      else expect(item?.index, key).to.be.within(index + 1, best.last);
    }
    expect(held).to.be.above(100);
    const written = await client.put('after', 'all');
    expect(written.outcome === 'done' && written.index).to.be.above(best.last + 500_000);

    // The folder of a member that was lost is of another cluster.
    const returned = members.launch(old);
    await members
      .program(best.id)
      .sees(
        new RegExp(
          `request cluster ID mismatch remote-peer-id=${old} .*remote-peer-cluster-id=1000 local-member-cluster-id=1001`,
          'u',
        ),
      );
    expect((await fetch(`${members.endpoint(old)}/readyz`)).status).to.equal(503);
    await returned.kill('SIGKILL');
    const disguised = members.launch(old, '--cluster-id', '4097');
    expect((await disguised.exit()).code).to.equal(2);
    expect(disguised.errors.join('\n')).to.include('is not this member');
    expect((await client.put('after', 'that')).outcome).to.equal('done');
  });
});
