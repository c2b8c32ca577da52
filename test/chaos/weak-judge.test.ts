import { seededRandom } from '@raft-ts/raft/internal';
import { ABSENT, type Operation } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { judgeStale, judgeWatches, type StaleRead, type WatchEvent, type Watched } from './weak-judge.js';

type Random = (n: number) => number;

const KEYS = ['a/1', 'a/2', 'b/1'];

/** What a store did, whoever was told, and what a stale reader and a watcher were shown of it. */
interface World {
  readonly history: Operation[];
  /** What changed, in the order of the indexes. */
  readonly changes: WatchEvent[];
  readonly reads: StaleRead[];
  watched: Watched;
}

function world(random: Random): World {
  const history: Operation[] = [];
  const changes: WatchEvent[] = [];
  const present = new Set<string>();
  let index = 5;
  for (let token = 1; token <= 60; token++) {
    const key = KEYS[random(KEYS.length)] as string;
    const kind = random(4) === 0 ? 'delete' : 'put';
    const chance = random(100);
    const outcome = chance < 80 ? 'done' : chance < 86 ? 'unknown' : chance < 93 ? 'refused' : 'nothing';
    index += 1 + random(3);
    const began = token * 10;
    const ended = outcome === 'unknown' ? Number.POSITIVE_INFINITY : began + 5;
    const at = outcome === 'done' || outcome === 'refused' ? index : 0;
    history.push({ token, kind, key, member: 1, began, ended, outcome, index: at, seen: ABSENT, current: 0 });
    const happens = outcome === 'done' || (outcome === 'unknown' && random(2) === 0);
    if (!happens) continue;
    if (kind === 'put') changes.push({ op: 'put', key, index, token });
    else if (present.has(key)) changes.push({ op: 'delete', key, index, token: 0 });
    if (kind === 'put') present.add(key);
    else present.delete(key);
  }
  const reads: StaleRead[] = [];
  for (let connection = 1; connection <= 3; connection++) {
    for (let place = random(20); place < index; place += random(15)) {
      const key = KEYS[random(KEYS.length)] as string;
      const last = changes.findLast((change) => change.key === key && change.index <= place);
      const shown = last?.op === 'put' ? { seen: last.token, index: last.index } : { seen: ABSENT, index: 0 };
      reads.push({ key, member: 1, connection, ended: 10_000, ...shown });
    }
  }
  const after = random(index);
  const upTo = after + random(index - after + 1);
  const prefix = ['', 'a/', 'b/'][random(3)] as string;
  const isMine = (one: WatchEvent): boolean => one.key.startsWith(prefix) && one.index > after && one.index <= upTo;
  return { history, changes, reads, watched: { prefix, after, upTo, events: changes.filter(isMine) } };
}

const isDone = ({ kind, outcome }: Operation): boolean => kind === 'put' && outcome === 'done';

/** Each puts one fault into what was shown; `false` if there is no place for it. */
const plants: Readonly<Record<string, (made: World, random: Random) => boolean>> = {
  'a stale read that goes back on its connection': ({ history, reads }) => {
    const first = history.find(isDone);
    const second = history.find((one) => isDone(one) && one.key === first?.key && one.token > first.token);
    if (first === undefined || second === undefined) return false;
    for (const { key, token: seen, index } of [second, first])
      reads.push({ key, member: 1, connection: 9, ended: 10_000, seen, index });
    return true;
  },
  'a stale read that goes back behind another key': ({ history, reads }) => {
    const first = history.find(isDone);
    const second = history.find((one) => isDone(one) && one.key === first?.key && one.token > first.token);
    const third = history.find((one) => isDone(one) && one.key !== first?.key && one.token > (second?.token ?? 99));
    if (first === undefined || second === undefined || third === undefined) return false;
    for (const { key, token: seen, index } of [third, first])
      reads.push({ key, member: 1, connection: 9, ended: 10_000, seen, index });
    return true;
  },
  'a stale read of what was not carried out': ({ history, reads }) => {
    const write = history.find(
      ({ kind, outcome }) => kind === 'put' && (outcome === 'nothing' || outcome === 'refused'),
    );
    if (write === undefined) return false;
    reads.push({ key: write.key, member: 1, connection: 9, ended: 10_000, seen: write.token, index: 7 });
    return true;
  },
  'a stale read at another index': ({ history, reads }) => {
    const { key, token: seen, index } = history.find(isDone) as Operation;
    reads.push({ key, member: 1, connection: 9, ended: 10_000, seen, index: index + 1 });
    return true;
  },
  'a stale read of another key': ({ history, reads }) => {
    const { key, token: seen, index } = history.find(isDone) as Operation;
    reads.push({ key: `${key}0`, member: 1, connection: 9, ended: 10_000, seen, index });
    return true;
  },
  'a stale read of what is asked for later': ({ history, reads }) => {
    const { key, token: seen, index, began } = history.findLast(isDone) as Operation;
    reads.push({ key, member: 1, connection: 9, ended: began - 1, seen, index });
    return true;
  },
  'a stale read that misses what its connection has seen': ({ history, reads }) => {
    const key = KEYS.find(
      (name) => !history.some((one) => one.key === name && one.kind === 'delete' && one.outcome !== 'nothing'),
    );
    const put = history.find((one) => isDone(one) && one.key === key);
    if (key === undefined || put === undefined) return false;
    for (const shown of [
      { seen: put.token, index: put.index },
      { seen: ABSENT, index: 0 },
    ])
      reads.push({ key, member: 1, connection: 9, ended: 10_000, ...shown });
    return true;
  },
  'a watch that leaves out a change': (made, random) => {
    const { history, watched } = made;
    const due = watched.events.filter(({ op, token }) => op === 'put' && history[token - 1]?.outcome === 'done');
    const left = due[random(Math.max(1, due.length))];
    if (left === undefined) return false;
    made.watched = { ...watched, events: watched.events.filter((one) => one !== left) };
    return true;
  },
  'a watch that ends before what it says that it has shown': (made) => {
    const { history, changes, watched } = made;
    const next = changes.find(({ key, index }) => key.startsWith(watched.prefix) && index > watched.upTo);
    if (next === undefined || next.op !== 'put' || history[next.token - 1]?.outcome !== 'done') return false;
    made.watched = { ...watched, upTo: next.index };
    return true;
  },
  'a watch that shows a change twice': (made, random) => {
    const { events } = made.watched;
    const at = random(Math.max(1, events.length));
    if (events[at] === undefined) return false;
    made.watched = { ...made.watched, events: [...events.slice(0, at + 1), ...events.slice(at)] };
    return true;
  },
  'a watch out of order': (made, random) => {
    const { events } = made.watched;
    const at = random(Math.max(1, events.length - 1));
    const [one, next] = events.slice(at, at + 2);
    if (one === undefined || next === undefined) return false;
    made.watched = { ...made.watched, events: [...events.slice(0, at), next, one, ...events.slice(at + 2)] };
    return true;
  },
  'a watch that shows what lies before it': (made) => {
    const before = made.changes.find(
      ({ key, index }) => key.startsWith(made.watched.prefix) && index <= made.watched.after,
    );
    if (before === undefined) return false;
    made.watched = { ...made.watched, events: [before, ...made.watched.events] };
    return true;
  },
  'a watch that shows another prefix': (made) => {
    const { prefix, after, upTo, events } = made.watched;
    const other = made.changes.find(({ key, index }) => !key.startsWith(prefix) && index > after && index <= upTo);
    if (other === undefined) return false;
    made.watched = { ...made.watched, events: [...events, other].sort((a, b) => a.index - b.index) };
    return true;
  },
  'a watch that shows another value': (made, random) => {
    const { events } = made.watched;
    const at = random(Math.max(1, events.length));
    const event = events[at];
    if (event?.op !== 'put') return false;
    made.watched = { ...made.watched, events: events.with(at, { ...event, token: 99 }) };
    return true;
  },
  'a watch that shows a delete that nobody carried out': (made) => {
    const { history } = made;
    const { prefix, events, upTo } = made.watched;
    const key = KEYS.find(
      (name) =>
        name.startsWith(prefix) &&
        !history.some((one) => one.key === name && one.kind === 'delete' && one.outcome === 'unknown'),
    );
    if (key === undefined) return false;
    made.watched = {
      ...made.watched,
      upTo: upTo + 1,
      events: [...events, { op: 'delete', key, index: upTo + 1, token: 0 }],
    };
    return !history.some(({ index }) => index === upTo + 1);
  },
};

const judged = ({ history, reads, watched }: World): string[] => [
  ...judgeStale(history, reads),
  ...judgeWatches(history, [watched]),
];

describe('chaos: the judges of stale reads and watches', () => {
  it('accept 500 worlds in which nothing is wrong', () => {
    for (let seed = 1; seed <= 500; seed++) expect(judged(world(seededRandom(seed))), `seed ${seed}`).to.deep.equal([]);
  });

  for (const [name, plant] of Object.entries(plants)) {
    it(`refuse 32 with ${name}`, () => {
      let made = 0;
      for (let seed = 1; made < 32; seed++) {
        if (seed > 20_000) throw new Error('no world offers a place for this fault');
        const random = seededRandom(seed);
        const one = world(random);
        if (!plant(one, random)) continue;
        made++;
        expect(judged(one), `seed ${seed}`).to.not.deep.equal([]);
      }
    });
  }
});
