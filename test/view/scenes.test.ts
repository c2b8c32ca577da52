import { Engine, explainMember, pictureOf, SCENES } from '@raft-ts/view';
import { expect } from 'chai';
import { isAtEnd, play, scene, termsOf } from './play.js';

const ids = [
  'election',
  'split-vote',
  'replication',
  'leader-crash',
  'figure-7',
  'figure-8',
  'split-brain',
  'pre-vote',
  'stale-read',
  'membership',
  'snapshot',
  'lease',
];

describe('the scenes', () => {
  it('are the twelve that somebody new would look for', () => {
    expect(SCENES.map(({ id }) => id)).to.deep.equal(ids);
  });

  for (const { id, variants = [{ id: '', label: '' }], knobs } of SCENES) {
    for (const variant of variants) {
      it(`${id} ${variant.id} comes to its end, and does the same again`.replace('  ', ' '), () => {
        const [one, two] = [play(new Engine(scene(id, variant.id))), play(new Engine(scene(id, variant.id)))];
        expect(isAtEnd(one), `stopped in chapter ${one.chapter}: ${one.chapters[one.chapter]?.say}`).to.equal(true);
        expect(one.world.hash.toString()).to.equal(two.world.hash.toString());
        expect(one.position).to.equal(two.position);
        expect(one.now).to.be.below(30_000);
        expect(one.world.members.length).to.be.at.least(knobs(variant.id).members ?? 3);
      });
    }
  }

  it('election ends in the first term that is opened, with one leader', () => {
    const { world, chronicle } = play(new Engine(scene('election')));
    expect(world.members.map(({ node }) => node?.raft.term)).to.deep.equal([2, 2, 2, 2, 2]);
    expect(chronicle.timeline.elections.map(({ leader }) => leader !== undefined)).to.deep.equal([true]);
  });

  it('split-vote burns a term', () => {
    const { chronicle } = play(new Engine(scene('split-vote')));
    expect(chronicle.timeline.burnt).to.equal(1);
    expect(chronicle.timeline.elections.at(-1)?.leader).to.be.a('number');
  });

  it('figure-7 begins with the logs of the paper, and ends with one', () => {
    const engine = new Engine(scene('figure-7'));
    expect(termsOf(engine, 0)).to.deep.equal([1, 1, 4, 4, 5, 5, 6, 6, 6]);
    expect(termsOf(engine, 6)).to.deep.equal([1, 1, 2, 2, 2, 3, 3, 3, 3, 3]);
    play(engine);
    for (let slot = 0; slot < 7; slot++) {
      expect(termsOf(engine, slot)).to.deep.equal([1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
    }
  });

  it('figure-7 says who refuses its vote, and why', () => {
    const { chronicle } = play(new Engine(scene('figure-7')));
    const refusals = chronicle.notes.filter(({ text }) => text.includes('refuses')).map(({ text }) => text);
    expect(refusals.toSorted()).to.deep.equal([
      'n4 refuses n1 its vote in term 8: its own log is more complete.',
      'n5 refuses n1 its vote in term 8: its own log is more complete.',
    ]);
  });

  it('figure-8 shows an entry on a majority that is replaced, or stays', () => {
    for (const [variant, term] of [
      ['d', 3],
      ['e', 2],
    ] as const) {
      const engine = new Engine(scene('figure-8', variant));
      const isOnMajority = (): boolean => [0, 1, 2].every((slot) => termsOf(engine, slot)[0] === 2);
      play(engine, isOnMajority);
      expect(engine.world.rules.history.committed).to.equal(1);
      play(engine);
      expect(engine.world.rules.history.terms[2], variant).to.equal(term);
    }
  });

  it('split-brain has two leaders, and commits on one side only', () => {
    const engine = new Engine(scene('split-brain'));
    let most = 0;
    play(engine, (at) => {
      most = Math.max(most, at.world.members.filter(({ leadsTerm }) => leadsTerm > 0).length);
      return isAtEnd(at);
    });
    expect(most).to.equal(2);
    const [first, second] = engine.client.requests;
    expect(first?.verdict).to.equal('unknown');
    expect(first?.told).to.contain('It was not carried out');
    expect(second?.verdict).to.equal('done');
  });

  it('pre-vote burns terms when it is off, and none when it is on', () => {
    const off = play(new Engine(scene('pre-vote', 'off')));
    const on = play(new Engine(scene('pre-vote', 'on')));
    expect(off.chronicle.timeline.burnt).to.be.above(1);
    expect(on.chronicle.timeline.burnt).to.equal(0);
    expect(on.chronicle.timeline.elections).to.have.lengthOf(1);
  });

  it('stale-read answers with old data, then not at all, then rightly', () => {
    const { client } = play(new Engine(scene('stale-read')));
    expect(client.requests.map(({ kind, verdict }) => `${kind} ${verdict}`)).to.deep.equal([
      'write done',
      'write done',
      'stale-read stale',
      'read not done',
      'read done',
    ]);
    expect(client.requests.at(-1)?.told).to.contain('answered w2');
  });

  it('membership shows that whoever left is no member, and says in words what is joint', () => {
    const engine = play(new Engine(scene('membership')));
    const outside = engine.world.members.filter(({ slot }) => pictureOf(engine.world, slot).isOutside);
    expect(outside.map(({ isUp }) => isUp)).to.deep.equal([false]);
    expect(explainMember(engine.world, engine.world.leader()?.slot ?? 0)).not.to.contain('does not count it');
    const told = engine.chronicle.notes.filter(({ text, isBig }) => isBig && /voters|joint/.test(text));
    expect(told.map(({ text }) => text.replace(/^n\d /, ''))).to.deep.equal([
      'is in a joint configuration: it needs a majority of n2, n3, n4 and n5, and one of n1, n2 and n3.',
      'The leader is told to leave the joint configuration.',
      'counts these voters: n2, n3, n4 and n5.',
    ]);
  });

  it('membership ends with the four that it should have', () => {
    const engine = play(new Engine(scene('membership')));
    const config = engine.world.leader()?.node?.raft.trk.config;
    expect(config?.voters.isJoint).to.equal(false);
    expect(config?.voters.incoming.ids).to.have.lengthOf(4);
    expect(config?.voters.incoming.ids).to.include.members([4n, 5n]);
  });

  it('snapshot brings a member back whose entries are gone', () => {
    const engine = new Engine(scene('snapshot'));
    play(engine);
    expect(engine.chronicle.sentByName.get('MsgSnap')).to.equal(1);
    const logs = engine.world.members.map(({ node, applied }) => [node?.raft.raftLog.lastIndex(), applied]);
    expect(new Set(logs.map(String)).size).to.equal(1);
  });

  it('lease breaks a rule, which the simulator notices; ReadIndex does not', () => {
    const byLease = play(new Engine(scene('lease', 'lease')));
    expect(byLease.broken?.rule).to.equal('read-linearizable');
    expect(byLease.client.newest?.verdict).to.equal('stale');
    expect(byLease.client.newest?.told).to.contain('answered that nothing is written, although w1 had been committed');
    const asked = play(new Engine(scene('lease', 'read-index')));
    expect(asked.broken).to.equal(undefined);
    expect(asked.client.newest?.verdict).to.equal('not done');
  });
});
