import { EntryType, type Snapshot } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import { DurableStorage } from '@raft-ts/raftwal';
import { bytesCodec, defaultFormat, type ReceivedBody } from '@raft-ts/replica';
import { collect, Group, type Snapshots } from '@raft-ts/replica/internal';
import { Disk, KEPT, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { confState, loneSnapshots } from './lone-snapshots.js';

const format = defaultFormat(bytesCodec);
const group = new Group();

/** The state at an index: longer than what travels within a message. */
const stateAt = (index: number): Uint8Array => new Uint8Array(3000 + index).fill(index);
const wrapped = (index: number): Promise<Uint8Array> =>
  collect(
    format.wrap(
      group.head(),
      (async function* () {
        yield stateAt(index);
      })(),
    ),
  );

/** A member's snapshots over a disk that may stop at any call. */
class Member {
  /** Index of the newest snapshot that it may rely on. */
  promised = 0;
  applied = 0;
  private onPromised: () => void = () => {};
  restored: { readonly index: number; readonly state: Uint8Array } | undefined;
  readonly snapshots: Snapshots;
  readonly log: DurableStorage;
  private readonly fs: SimFs;
  private readonly folder: string;

  private constructor(fs: SimFs, log: DurableStorage, folder: string) {
    this.fs = fs;
    this.log = log;
    this.folder = folder;
    this.snapshots = loneSnapshots({
      log,
      transport: {
        sendSnapshot: () => Promise.resolve('finish'),
        openSnapshot: (snapshot) => this.open(snapshot),
      },
      format,
      stateMachine: { snapshot: () => stateAt(this.applied) },
      group,
      policy: { everyEntries: 1, inlineBytes: 100 },
      position: () => ({ applied: { index: this.applied, term: 1 }, confState }),
      restore: async ({ metadata }, chunks) => {
        const { state } = await format.unwrap(chunks);
        this.restored = { index: metadata.index, state: await collect(state) };
        return true;
      },
      onEvent: ({ phase, index }) => {
        if (phase !== 'saved' && phase !== 'installed') return;
        this.promised = index;
        this.onPromised();
      },
    });
  }

  static async open(fs: SimFs, folder: string): Promise<Member> {
    const log = await DurableStorage.open('/m', {
      nodeId: 1n,
      clusterId: 1n,
      fs,
      segmentSize: 1 << 14,
      keepSnapshots: 1,
    });
    return new Member(fs, log, folder);
  }

  /** As a transport does: a body has another name until its snapshot was taken. */
  private async open({ metadata: { index } }: Snapshot): Promise<ReceivedBody> {
    const { fs, folder } = this;
    const bytes = await wrapped(index);
    const file = `${folder}/${index.toString(16).padStart(16, '0')}.snap.db`;
    await fs.rename(`${folder}/tmp-${index}`, file);
    await fs.syncDirectory(folder);
    const chunks = (async function* () {
      yield bytes;
    })();
    return { size: bytes.length, chunks, file, release: () => fs.unlink(file) };
  }

  private async receive(index: number): Promise<void> {
    const { fs, folder } = this;
    const file = await fs.open(`${folder}/tmp-${index}`, { write: true, create: true });
    await file.write(await wrapped(index), 0);
    await file.datasync();
    await file.close();
    await fs.syncDirectory(folder);
  }

  async appendTo(last: number): Promise<void> {
    const first = this.log.lastIndex() + 1;
    const entries = Array.from({ length: last - first + 1 }, (_, i) => ({
      index: first + i,
      term: 1,
      type: EntryType.EntryNormal,
      data: Uint8Array.of(1),
    }));
    await this.log.save({ entries, hardState: { term: 1, vote: 1n, commit: last } });
    this.applied = last;
  }

  /** Saves its own state. */
  async takeAt(index: number): Promise<void> {
    await this.appendTo(index);
    const saved = new Promise<void>((resolve) => {
      this.onPromised = resolve;
    });
    this.snapshots.progress(1, 1);
    await saved;
  }

  /** Takes over the leader's, as the driver does. */
  async install(index: number): Promise<void> {
    await this.receive(index);
    const snapshot: Snapshot = { data: undefined, metadata: { index, term: 1, confState } };
    await this.snapshots.takeBody(snapshot);
    await this.log.save({ snapshot, hardState: { term: 1, vote: 1n, commit: index } });
    await this.snapshots.install(snapshot);
    this.applied = index;
  }
}

/** Everything that a member does with snapshots that are streamed. */
async function live(member: Member): Promise<void> {
  await member.takeAt(5);
  await member.install(20);
  await member.takeAt(25);
}

describe('replica: a power cut while snapshots are saved and installed', () => {
  for (const folder of ['/m/snap', '/bodies']) {
    const where = folder === '/bodies' ? 'on a file system of their own' : 'in the log’s own folder';
    it(`leaves a member that starts with the newest one that it had, whose bodies come ${where}`, async () => {
      let ended = false;
      let cuts = 0;
      for (let at = 1; !ended; at++) {
        let calls = 0;
        let armed = false;
        let reached: () => void = () => {};
        const stopped = new Promise<void>((resolve) => {
          reached = resolve;
        });
        const fs = new SimFs(new Disk(), {
          pace: () => {
            if (!armed || ++calls < at) return Promise.resolve();
            reached();
            return new Promise(() => {});
          },
        });
        if (folder === '/bodies') await fs.mkdir(folder);
        await fs.syncDirectory('/');
        const member = await Member.open(fs, folder);
        armed = true;
        const life = (async () => {
          await live(member);
          ended = true;
        })();
        await Promise.race([stopped, life]);
        fs.kill();
        const cut = new PowerCut(fs.disk, seededRandom(at));
        const random = seededRandom(at);
        for (const choice of [cut.all(LOST), cut.all(KEPT), cut.sample(random), cut.sample(random)]) {
          // A disk that tears within a sector leaves what only an operator can decide about.
          if (cut.tears(choice)) continue;
          cuts++;
          const again = await Member.open(new SimFs(new Disk(cut.image(choice))), folder);
          await again.snapshots.restoreNewest();
          const { index } = again.log.snapshot().metadata;
          expect(index, `after call ${at}`).to.be.at.least(member.promised);
          expect([0, 5, 20, 25]).to.include(index);
          if (index > 0) expect(again.restored).to.deep.equal({ index, state: stateAt(index) });
        }
      }
      expect(cuts).to.be.above(150);
    });
  }
});
