import { closeSync, openSync, readdirSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SnapshotEvent } from '@raft-ts/replica';
import { expect } from 'chai';
import { DurableCluster } from './durable.js';
import { Bulk } from './machines.js';

const MIB = 2 ** 20;
const SIZE = 6 * MIB;

// Large states, over HTTP and disk, as a member has them.
describe('replica: streamed snapshots over HTTP and disk', () => {
  let members: DurableCluster<number, number>;

  afterEach(() => members.end());

  const begin = async ({
    checks = true,
    ...options
  }: {
    readonly bodies?: string;
    checks?: boolean;
  }): Promise<void> => {
    members = new DurableCluster(3, () => new Bulk(SIZE, checks), {
      ...options,
      snapshots: { everyEntries: 10, keepEntries: 1, keepEntriesForSlow: 1 },
    });
    await Promise.all([members.start(1n), members.start(2n)]);
    for (let i = 0; i < 30; i++) await members.replicas.get(1n)?.propose(1);
    // What the others applied before is gone from the log then, whoever of them leads.
    const saved = ({ phase, index }: SnapshotEvent): boolean => phase === 'saved' && index > 10;
    await Promise.all([members.event(1n, 'snapshot', saved), members.event(2n, 'snapshot', saved)]);
  };

  const machine = (id: bigint): Bulk => members.machines.get(id) as Bulk;
  const streamsOf = (id: bigint): string[] =>
    readdirSync(join(members.dir(id), 'snap')).filter((name) => name.endsWith('.snap.db'));

  for (const bodies of ['snap', 'bodies']) {
    const where = bodies === 'snap' ? 'the log’s own folder' : 'a folder of their own';
    it(`bring a member up to date whose bodies go to ${where}, and it restarts from its stream`, async () => {
      await begin({ bodies });
      const sender = members.replicas.get(1n)?.leadership.leading === true ? 1n : 2n;
      const sending: SnapshotEvent[] = [];
      members.replicas.get(sender)?.watch('snapshot', (event) => sending.push(event));
      const late = await members.start(3n);
      const installing: SnapshotEvent[] = [];
      late.watch('snapshot', (event) => installing.push(event));
      const { index } = await members.event(3n, 'snapshot', ({ phase }) => phase === 'installed');
      await late.propose(1);
      expect(machine(3n).count).to.equal(31);
      // Twice if the log moved on meanwhile by more than the leader keeps.
      expect([...new Set(machine(3n).restored)]).to.deep.equal([SIZE]);
      // It was moved, not copied: nothing of it is left where it came, and the log has it.
      expect(streamsOf(3n).map((name) => Number.parseInt(name, 16))).to.include(index);
      if (bodies !== 'snap') expect(readdirSync(join(members.dir(3n), bodies))).to.deep.equal([]);
      expect(sending.filter(({ phase, bytes }) => phase === 'sending' && bytes > 0)).to.have.length.above(0);
      expect(installing.filter(({ phase, bytes }) => phase === 'installing' && bytes > 0)).to.have.length.above(0);

      await members.stop(3n);
      const again = await members.start(3n);
      expect(machine(3n).restored).to.deep.equal([SIZE]);
      await again.propose(1);
      expect(machine(3n).count).to.equal(32);
    });
  }

  it('whose file was cut short end the start with a code, not with a wrong state', async () => {
    await begin({});
    await members.stop(1n);
    for (const name of streamsOf(1n)) {
      const file = join(members.dir(1n), 'snap', name);
      truncateSync(file, statSync(file).size - 1);
    }
    const error: unknown = await members.start(1n).catch((caught: unknown) => caught);
    expect(error).to.have.property('code', 'ERR_RAFT_SNAPSHOT_FORMAT');
  });

  /** Changes one byte in the middle of the state of each stream. */
  const damage = (id: bigint): void => {
    for (const name of streamsOf(id)) {
      const file = openSync(join(members.dir(id), 'snap', name), 'r+');
      writeSync(file, Uint8Array.of(255), 0, 1, SIZE / 2);
      closeSync(file);
    }
  };

  it('whose bytes were damaged end the start with a code, although the state machine could read them', async () => {
    await begin({ checks: false });
    await members.stop(1n);
    damage(1n);
    const error: unknown = await members.start(1n).catch((caught: unknown) => caught);
    expect(error).to.have.property('code', 'ERR_RAFT_SNAPSHOT_FORMAT');
    expect((error as Error).message).to.include('damaged where they are kept');
  });

  it('whose bytes were damaged do not arrive whole: another one is taken, and sent', async () => {
    await begin({});
    const sender = members.replicas.get(1n)?.leadership.leading === true ? 1n : 2n;
    const applied = members.replicas.get(sender)?.applied.index ?? 0;
    await members.event(sender, 'snapshot', ({ phase, index: at }) => phase === 'saved' && at > applied - 10);
    damage(sender);
    const sent: SnapshotEvent[] = [];
    members.replicas.get(sender)?.watch('snapshot', (event) => sent.push(event));
    const late = await members.start(3n);
    const installed: SnapshotEvent[] = [];
    late.watch('snapshot', (event) => installed.push(event));
    while (!sent.some(({ phase }) => phase === 'send-failed')) await setTimeout(5);
    const { index = 0 } = sent.find(({ phase }) => phase === 'send-failed') ?? {};
    await members.replicas.get(sender)?.propose(1);
    while (!installed.some(({ phase }) => phase === 'installed')) await setTimeout(5);
    expect(sent.some(({ phase, index: at }) => phase === 'saved' && at > index)).to.equal(true);
    expect(installed.filter(({ phase, index: at }) => phase === 'installing' && at <= index)).to.deep.equal([]);
    expect(members.whole).to.include(installed.at(-1)?.index).and.not.to.include(index);
    await late.propose(1);
    expect(machine(3n).count).to.equal(32);
  });
});
