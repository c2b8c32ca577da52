import {
  type Done,
  REPLICA_SCENES,
  ReplicaRun,
  type ReplicaScene,
  replicaSceneOf,
  replicaSceneryOf,
} from '@raft-ts/view';
import { expect } from 'chai';

/** More than any scene takes. */
const MOST_EVENTS = 5000;

/** Plays a scene to its end, or up to an event. */
async function play(scene: ReplicaScene, script: readonly Done[] = [], events = MOST_EVENTS): Promise<ReplicaRun> {
  const run = new ReplicaRun(scene, script);
  while (run.position < events && (events !== MOST_EVENTS || run.chapter < run.chapters.length)) {
    await run.step(run.now + 1000);
  }
  return run;
}

const told = ({ client }: ReplicaRun): string[] =>
  client.requests.map(({ kind, value, verdict, told: text }) => `${kind}${value} ${verdict}: ${text}`);

describe('scenes with a replica', () => {
  for (const scene of REPLICA_SCENES) {
    it(`${scene.title}: comes to its end, breaks no rule, and does the same when it is played again`, async () => {
      const run = await play(scene);
      expect([run.chapter, run.broken]).to.deep.equal([scene.chapters.length, '']);
      const again = await play(scene);
      expect(again.world.hash.toString()).to.equal(run.world.hash.toString());
      expect(told(again)).to.deep.equal(told(run));
    });
  }

  it('show what each way to read costs, and that only a stale one answers where nobody vouches for the answer', async () => {
    const { client } = await play(replicaSceneOf('reads'));
    const reads = client.requests.filter(({ kind }) => kind !== 'write');
    const [first, , lease, stale, cutOff, cutOffLease, old, healed] = reads;
    expect(first?.told).to.contain('has no lease').and.contain('So it asked first.');
    expect(lease?.told).to.contain('answers w1 after 0 ms. It had a lease, and asked nobody');
    expect(stale?.told).to.contain('answers w1 after 0 ms. Nobody was asked');
    expect([cutOff?.verdict, cutOffLease?.verdict, old?.verdict]).to.deep.equal(['not done', 'not done', 'stale']);
    expect(old?.told).to.contain('answers w1').and.contain('w2 was acknowledged before');
    expect([healed?.verdict, healed?.told]).to.satisfy(
      ([verdict, text]: string[]) => verdict === 'done' && text?.includes('answers w2') === true,
    );
  });

  it('show that a leader that stood still does not answer by its old lease', async () => {
    const { client } = await play(replicaSceneOf('frozen'));
    const last = client.requests.at(-1);
    expect([last?.kind, last?.verdict]).to.deep.equal(['lease-read', 'done']);
    expect(last?.told).to.contain('answers w2').and.contain('has no lease');
  });

  it('can be broken by hand, and be played again from the script', async () => {
    const run = await play(replicaSceneOf('reads'), [], 300);
    await run.act({ kind: 'crash', who: 0 }, run.now);
    await run.act({ kind: 'write', who: 0 }, run.now + 5);
    await run.act({ kind: 'cut', who: 1, to: 2 }, run.now + 5);
    expect(run.client.requests.at(-1)?.told).to.equal('n1 is down.');
    const { members, isOpen } = replicaSceneryOf(run);
    expect([members[0]?.role, isOpen(1, 2), isOpen(2, 1)]).to.deep.equal(['down', false, true]);
    await run.act({ kind: 'start', who: 0 }, run.now + 500);
    for (let i = 0; i < 200; i++) await run.step(run.now + 1000);
    expect(replicaSceneryOf(run).members[0]?.last).to.be.above(0);
    const again = await play(run.scene, run.script, run.position);
    expect(again.world.hash.toString()).to.equal(run.world.hash.toString());
  });

  it('draw the logs, election timers and votes of replicas, after any event', async () => {
    const run = new ReplicaRun(replicaSceneOf('reads'));
    // A leader may commit by the others' answers what it has not stored yet itself.
    while (run.position < 400) {
      await run.step(run.now + 1000);
      const drawn = replicaSceneryOf(run);
      for (const member of drawn.members) drawn.cells(member, 1, member.last);
    }
    const { members, cells } = replicaSceneryOf(run);
    const leader = members.find(({ role }) => role === 'leader');
    expect(leader).to.include({ isFrozen: false, voters: 3 });
    for (const member of members) {
      expect(member.timeout).to.be.within(10, 19);
      const shown = cells(member, 1, member.last);
      expect(shown.map(({ index }) => index)).to.deep.equal(Array.from({ length: member.last }, (_, i) => i + 1));
      expect(shown.some(({ isConflicting }) => isConflicting)).to.equal(false);
    }
  });
});
