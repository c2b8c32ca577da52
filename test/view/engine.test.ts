import { drawCase, runCase, writeSchedule } from '@raft-ts/sim';
import {
  ACTS,
  type Act,
  cellsOf,
  describeCut,
  dotsOf,
  Engine,
  explainCell,
  explainCluster,
  explainDot,
  explainLink,
  explainMember,
  maskOf,
  pictureOf,
  readLink,
  readScript,
  sceneOf,
  writeLink,
  writeScript,
} from '@raft-ts/view';
import { expect } from 'chai';
import { after, cluster, hasLeader, leaderOf, play, settled } from './play.js';

const others = (engine: Engine): number[] =>
  engine.world.members.map(({ slot }) => slot).filter((slot) => slot !== leaderOf(engine));

describe('what is done by hand', () => {
  it('crashes and starts, freezes and lets go on', () => {
    const engine = settled();
    const who = others(engine)[0] as number;
    after(engine, 10, { kind: 'crash', who });
    expect(engine.world.members[who]?.isUp).to.equal(false);
    after(engine, 500, { kind: 'start', who });
    expect(engine.world.members[who]?.isUp).to.equal(true);
    after(engine, 10, { kind: 'freeze', who });
    expect(engine.world.members[who]?.isFrozen).to.equal(true);
    after(engine, 10, { kind: 'thaw', who });
    expect(engine.world.members[who]?.isFrozen).to.equal(false);
  });

  it('cuts one direction, splits, isolates and heals, and the timeline tells', () => {
    const engine = settled({ members: 5 });
    const open = (a: number, b: number): boolean => engine.world.network.isOpen(a, b);
    after(engine, 1, { kind: 'cut', who: 0, to: 1 });
    expect([open(0, 1), open(1, 0)]).to.deep.equal([false, true]);
    after(engine, 1, { kind: 'open', who: 0, to: 1 });
    expect(open(0, 1)).to.equal(true);
    after(engine, 1, { kind: 'split', value: maskOf([0, 1]) });
    expect([open(0, 1), open(0, 2), open(3, 1), open(3, 4)]).to.deep.equal([true, false, false, true]);
    expect(engine.chronicle.timeline.parts.at(-1)?.text).to.equal('n1 n2 | n3 n4 n5');
    after(engine, 1, { kind: 'heal' });
    expect(open(0, 2)).to.equal(true);
    expect(engine.chronicle.timeline.parts.at(-1)?.to).to.be.a('number');
    after(engine, 1, { kind: 'isolate', who: 4 });
    expect([open(4, 0), open(0, 4), open(0, 1)]).to.deep.equal([false, false, true]);
  });

  it('is told as sides of the network, or as the directions that are cut', () => {
    const cut = (...ways: string[]): string => describeCut([0, 1, 2], (from, to) => !ways.includes(`${from}${to}`));
    expect(cut('01', '10', '02', '20')).to.equal('n1 | n2 n3');
    expect(cut('01')).to.equal('n1 → n2 is cut');
    expect(cut('01', '10')).to.equal('n1 → n2 and n2 → n1 are cut');
    expect(cut('01', '10', '02', '12')).to.equal('4 directions are cut');
  });

  it('loses one message, and delays another from when it would have arrived', () => {
    const engine = settled();
    engine.perform({ kind: 'write', who: leaderOf(engine) }, engine.now);
    const [first, second] = dotsOf(engine.world, engine.chronicle, engine.now, 99).dots.filter(
      ({ name }) => name === 'MsgApp',
    );
    engine.perform({ kind: 'lose', value: first?.key ?? 0 }, engine.now);
    engine.perform({ kind: 'delay', value: second?.key ?? 0, ms: 700 }, engine.now);
    const left = dotsOf(engine.world, engine.chronicle, engine.now, 99).dots.filter(({ name }) => name === 'MsgApp');
    expect(left.map(({ to }) => to)).to.deep.equal([second?.to]);
    expect(left[0]?.arrivesAt).to.equal((second?.arrivesAt ?? 0) + 700);
  });

  it('leaves no message out of a sample that was in it before', () => {
    const engine = settled();
    engine.perform({ kind: 'write', who: leaderOf(engine) }, engine.now);
    const { dots } = dotsOf(engine.world, engine.chronicle, engine.now, 99);
    expect(dots).to.have.lengthOf.above(2);
    for (const { message } of dots) {
      const sample = dotsOf(engine.world, engine.chronicle, engine.now, 1, (one) => one === message);
      expect(sample.dots.map((dot) => dot.message)).to.deep.equal([message]);
      expect(sample.left).to.equal(dots.length - 1);
    }
  });

  it('campaigns, hands over, makes snapshots, and changes the members', () => {
    const engine = settled();
    const [next = 0] = others(engine);
    after(engine, 2500, { kind: 'transfer', who: next });
    expect(leaderOf(engine)).to.equal(next);
    after(engine, 500, { kind: 'write', who: next });
    after(engine, 10, { kind: 'snapshot', who: next });
    expect(engine.world.members[next]?.node?.raft.raftLog.firstIndex()).to.be.above(2);
    after(engine, 3000, { kind: 'change', who: -1, value: 1 });
    expect(engine.world.leader()?.node?.raft.trk.config.voters.incoming.ids).to.deep.equal([1n, 2n, 3n, 4n]);
    const leaver = others(engine)[0] as number;
    after(engine, 3000, { kind: 'change', who: leaver, value: 1 });
    expect(engine.world.leader()?.node?.raft.trk.config.voters.isJoint).to.equal(true);
    after(engine, 3000, { kind: 'leave' });
    expect(engine.world.leader()?.node?.raft.trk.config.voters.isJoint).to.equal(false);
  });

  it('is possible in any order without harm', () => {
    const kinds = Object.keys(ACTS) as Act['kind'][];
    const engine = new Engine(cluster({ seed: 5 }));
    for (let i = 0; i < 600 && !engine.isOver; i++) {
      const kind = kinds[(i * 7) % kinds.length] as Act['kind'];
      engine.perform({ kind, who: i % 5, to: (i * 3) % 4, value: i % 3, ms: i % 50 }, engine.now);
      after(engine, 40);
    }
    expect(engine.broken).to.equal(undefined);
  });

  it('happens again in a run that is played again, to the same event', () => {
    const engine = settled({ seed: 3 });
    const [one = 0, two = 0] = others(engine);
    after(engine, 333, { kind: 'write', who: one }, { kind: 'cut', who: leaderOf(engine), to: one });
    after(engine, 2222, { kind: 'freeze', who: leaderOf(engine) });
    after(engine, 777, { kind: 'read', who: two }, { kind: 'weather', ms: 5, to: 90, value: 10 });
    const script = readScript(writeScript(engine.script));
    expect(script).to.deep.equal(engine.script);
    const again = play(
      new Engine(engine.origin, script),
      ({ position, done }) => position >= engine.position && done >= engine.done,
    );
    expect(again.world.hash.toString()).to.equal(engine.world.hash.toString());
    expect(again.client.requests).to.deep.equal(engine.client.requests);
    expect(again.chronicle.notes).to.deep.equal(engine.chronicle.notes);
  });

  it('makes another future out of a run that went on before', () => {
    const engine = settled();
    after(engine, 100, { kind: 'crash', who: leaderOf(engine) });
    const again = play(new Engine(engine.origin, engine.script), hasLeader);
    expect(again.script).to.have.lengthOf(1);
    again.perform({ kind: 'write', who: leaderOf(again) }, again.now);
    expect(again.script.map(({ act }) => act.kind)).to.deep.equal(['write']);
  });
});

describe('a client', () => {
  it('is told that a write is done, and reads it everywhere', () => {
    const engine = settled();
    after(engine, 1500, ...[0, 1, 2].map((who): Act => ({ kind: 'write', who })));
    after(engine, 1500, ...[0, 1, 2].map((who): Act => ({ kind: 'read', who })));
    const verdicts = engine.client.requests.map(({ verdict }) => verdict);
    expect(verdicts).to.deep.equal(['done', 'done', 'done', 'done', 'done', 'done']);
    expect(new Set(engine.client.requests.slice(3).map(({ told }) => /answered (w\d)/.exec(told)?.[1])).size).to.equal(
      1,
    );
  });

  it('is told that a write was not done, if nobody leads or the member is down', () => {
    const engine = new Engine(cluster());
    after(engine, 1, { kind: 'write', who: 0 }, { kind: 'crash', who: 1 }, { kind: 'write', who: 1 });
    expect(engine.client.requests.map(({ verdict, told }) => [verdict, told])).to.deep.equal([
      ['not done', 'n1 refused: it knows no leader. Nothing was written; trying again is safe.'],
      ['not done', 'n2 is down: nothing was sent. Trying elsewhere is safe.'],
    ]);
  });

  it('is told nothing when the member crashes, and learns later that the write was carried out', () => {
    const engine = settled();
    const leader = leaderOf(engine);
    after(engine, 200, { kind: 'write', who: leader });
    after(engine, 10, { kind: 'crash', who: leader });
    const [request] = engine.client.requests;
    expect(request?.verdict).to.equal('unknown');
    expect(request?.told).to.contain('ended before it answered');
    after(engine, 6000, { kind: 'start', who: leader });
    expect(request?.verdict).to.equal('unknown');
    expect(request?.told).to.contain('"unknown" may mean done');
  });
});

describe('an address', () => {
  const trip = (text: string): string => writeLink(readLink(text, sceneOf));

  it('holds a scene, a cluster, or a seed of the simulator, what was done, and where', () => {
    for (const text of [
      'scene=election',
      'scene=figure-8&as=e&at=12',
      'seed=7&n=3&pv=0&load=20',
      'draw=42&n=3&ms=5000&faults=crash,split',
      'seed=1&do=a.k.crash.1~c.k.lose.zz&at=99',
    ]) {
      expect(trip(text)).to.equal(text);
    }
  });

  it('holds a schedule of the simulator', () => {
    const { origin } = readLink(
      `file=${encodeURIComponent(writeSchedule(drawCase(5, { safetyMs: 500 }), undefined))}`,
      sceneOf,
    );
    expect(origin.kind).to.equal('case');
    if (origin.kind === 'case') expect(origin.case).to.deep.equal(drawCase(5, { safetyMs: 500 }));
  });

  it('says what is wrong with it', () => {
    const wrong: readonly (readonly [string, string])[] = [
      ['scene=none', 'there is no scene "none"'],
      ['n=77', '"n" must be a whole number from 1 to 9'],
      ['at=1e9', '"at" must be a whole number from 0 to 5000000'],
      ['seed=1&do=1.1.explode', '"1.1.explode" is not something that can be done here'],
      ['seed=1&do=1.1.crash', '"1.1.crash" is out of place'],
      ['seed=1&do=5.1.heal~1.1.heal', '"1.1.heal" is out of place'],
      ['seed=1&do=1.1.crash.!', '"1.1.crash.!" holds no whole number'],
      ['draw=1&faults=rain', 'there is no kind of fault "rain"'],
      ['file=%7B%7D', 'not a schedule: "format" must be "raft-sim schedule 1"'],
      ['et=5&hb=5', 'heartbeats must be more frequent than elections'],
    ];
    for (const [text, problem] of wrong) expect(() => readLink(text, sceneOf), text).to.throw(problem);
  });

  it('of a seed runs as the simulator runs it, to its end', () => {
    const { origin } = readLink('draw=3&n=3&ms=2000', sceneOf);
    const engine = new Engine(origin);
    while (engine.step());
    const whole = runCase(drawCase(3, { members: 3, safetyMs: 2000 }));
    expect(engine.world.hash.toString()).to.equal(whole.hash);
    expect(engine.isOver).to.equal(true);
    expect(engine.broken).to.equal(undefined);
  });
});

describe('a sentence', () => {
  it('says what a member, a link, a message and an entry are', () => {
    const engine = settled();
    const leader = leaderOf(engine);
    const [other = 0] = others(engine);
    expect(explainMember(engine.world, leader)).to.match(
      /^n\d leads in term 2\. All others hold its whole log\. Its log ends at 2;/,
    );
    expect(explainMember(engine.world, other)).to.contain(`led by n${leader + 1}, in term 2`);
    engine.perform({ kind: 'write', who: leader }, engine.now);
    engine.perform({ kind: 'cut', who: leader, to: other }, engine.now);
    const { dots } = dotsOf(engine.world, engine.chronicle, engine.now, 99);
    const append = dots.find(({ name }) => name === 'MsgApp');
    expect(append === undefined ? '' : explainDot(append, engine.now)).to.match(
      /^MsgApp from n\d to n\d \(term 2, entries 3 to 3, after entry 2 of term 2, committed up to 2\), arrives in \d+ ms\. The leader sends entries/,
    );
    expect(explainLink(engine.world, leader, other)).to.contain('that direction is cut');
    const cell = cellsOf(engine.world, pictureOf(engine.world, leader), 3, 3)[0];
    expect(cell === undefined ? '' : explainCell(engine.world, engine.client, cell)).to.equal(
      `Entry 3 of n${leader + 1}, of term 2: the write w1. Held by n${leader + 1}. It is not committed, as far as this member knows: it may yet be replaced.`,
    );
    expect(explainCluster(engine.world, 0, engine.now)).to.contain('3 of 3 members run.');
    engine.perform({ kind: 'crash', who: other }, engine.now);
    expect(explainMember(engine.world, other)).to.contain('is down. On its disk: term 2');
  });

  it('is of the moment that is shown, and counts terms without a leader only if there are some', () => {
    const engine = settled();
    expect(explainCluster(engine.world, 0, engine.now + 500)).to.equal(
      `At ${((engine.now + 500) / 1000).toFixed(1)} s, 3 of 3 members run. n${leaderOf(engine) + 1} leads. Committed: 2 entries.`,
    );
    expect(explainCluster(engine.world, 1, engine.now)).to.contain(' 1 term found no leader.');
  });

  it('tells of voters only when they change', () => {
    const engine = settled();
    const [who = 0] = others(engine);
    after(engine, 500, { kind: 'crash', who });
    after(engine, 2000, { kind: 'start', who });
    expect(engine.chronicle.notes.filter(({ text }) => text.includes('voters'))).to.deep.equal([]);
  });

  it('marks entries that another one was committed in place of', () => {
    const engine = settled({ members: 5, checkQuorum: false });
    const old = leaderOf(engine);
    after(engine, 9000, { kind: 'isolate', who: old }, { kind: 'write', who: old });
    const cells = cellsOf(engine.world, pictureOf(engine.world, old), 1, 9);
    expect(cells.map(({ kind, isConflicting }) => [kind, isConflicting])).to.deep.equal([
      ['compacted', false],
      ['empty', false],
      ['write', true],
    ]);
  });
});
