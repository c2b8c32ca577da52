import { LiveCluster } from '@raft-ts/view';
import { expect } from 'chai';

type State = Parameters<LiveCluster['state']>[0];
type Told = Parameters<LiveCluster['hear']>[1];

const state = (parts: Partial<State> = {}): State => ({
  kind: 'state',
  title: 'the store',
  asksClients: true,
  processes: ['running', 'running', 'running'],
  cut: [],
  slow: [],
  ...parts,
});

const told = (parts: Partial<Told> = {}): Told => ({
  role: 'Follower',
  term: 2,
  vote: 1,
  leader: 1,
  elapsed: 0,
  timeout: 12,
  granted: 0,
  refused: 0,
  commit: 40,
  applied: 40,
  first: 30,
  last: 41,
  terms: [1, 1, 2, 2],
  voters: [1, 2, 3],
  sent: [],
  ...parts,
});

/** A cluster that is watched from now on. */
function watched(): LiveCluster {
  const cluster = new LiveCluster();
  cluster.state(state(), 0);
  return cluster;
}

const notes = ({ notes: all }: LiveCluster): string[] => all.map(({ text }) => text);

describe('what is known of a running cluster', () => {
  it('does not count what was committed before anybody watched', () => {
    const cluster = watched();
    cluster.hear(1, told({ role: 'Leader', commit: 100_000 }), 100);
    expect(cluster.timeline.rate(100)).to.equal(0);
    cluster.hear(1, told({ role: 'Leader', commit: 100_003 }), 200);
    expect(cluster.timeline.rate(200)).to.equal(3);
  });

  it('keeps the log of a process that has ended: its disk still holds it', () => {
    const cluster = watched();
    cluster.hear(2, told(), 100);
    cluster.state(state({ processes: ['running', 'ended', 'running'] }), 200);
    const member = cluster.members[1];
    expect([member?.role, member?.last]).to.deep.equal(['down', 41]);
    const cells = member === undefined ? [] : cluster.cells(member, 37, 41);
    expect(cells.map(({ index, term, kind }) => [index, term, kind])).to.deep.equal([
      [37, 0, 'compacted'],
      [38, 1, 'empty'],
      [39, 1, 'empty'],
      [40, 2, 'empty'],
      [41, 2, 'empty'],
    ]);
  });

  it('says what is cut, and what is late', () => {
    const cluster = watched();
    const alone = [
      [3, 1],
      [1, 3],
      [3, 2],
      [2, 3],
    ] as const;
    cluster.state(state({ cut: alone }), 100);
    expect(cluster.timeline.parts.at(-1)?.text).to.equal('n1 n2 | n3');
    cluster.state(state({ cut: [[2, 1]] }), 200);
    // The same once more, in another order, is no news.
    cluster.state(state({ cut: [[2, 1]] }), 250);
    cluster.state(state(), 300);
    const links = [1, 2, 3].flatMap((from) =>
      [1, 2, 3].filter((to) => to !== from).map((to) => [from, to, 300] as const),
    );
    cluster.state(state({ slow: links }), 400);
    expect(cluster.slowMs).to.equal(300);
    cluster.state(state(), 500);
    cluster.state(state({ slow: [[1, 2, 500]] }), 600);
    expect([cluster.delayOf(0, 1), cluster.delayOf(1, 0)]).to.deep.equal([500, 0]);
    const both = [
      [1, 2, 500],
      [2, 1, 300],
    ] as const;
    cluster.state(state({ slow: both }), 700);
    cluster.state(state({ slow: both.toReversed() }), 750);
    const more = links.filter(([from]) => from !== 3);
    cluster.state(state({ slow: more }), 800);
    cluster.state(state({ slow: [[2, 1, 300]] }), 900);
    expect(notes(cluster)).to.deep.equal([
      'The network is split: n1 n2 | n3.',
      'n2 → n1 is cut.',
      'All links are open.',
      'Everything arrives 300 ms later.',
      'Nothing is slowed down any more.',
      'What n1 sends to n2 arrives 500 ms later.',
      'What n1 sends to n2 arrives 500 ms later and what n2 sends to n1 300 ms.',
      'Messages in 4 directions arrive 300 ms later.',
      'What n2 sends to n1 arrives 300 ms later.',
    ]);
    expect(cluster.timeline.delays.map(({ from, to }) => [from, to])).to.deep.equal([
      [400, 500],
      [600, 700],
      [700, 800],
      [800, 900],
      [900, undefined],
    ]);
  });
});
