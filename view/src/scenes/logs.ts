import type { Act } from '../model/act.js';
import type { Cast, Chapter, Scene } from '../model/origin.js';
import { keep, kept, others, running } from './elections.js';

export const replication: Scene = {
  id: 'replication',
  title: 'Replication',
  summary: 'A write travels to the others, is acknowledged, committed and applied.',
  knobs: () => ({ members: 3, seed: 5, heartbeatTick: 5 }),
  chapters: () => [
    { say: 'Three members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'A client writes at the leader. The entry is in the leader’s log first: dashed, because it is not committed. Squares carry it to the followers. (Entry 2, without a name, is the one that every leader begins with.)',
      acts: (cast) => {
        keep(cast, 'last', cast.last(cast.leader) + 1);
        return [{ kind: 'write', who: cast.leader }];
      },
      until: (cast) => cast.slots.filter((slot) => cast.last(slot) >= kept(cast, 'last')).length >= 2,
    },
    {
      say: 'A follower has written it to its disk and acknowledges (hollow square). With that, two of three hold it.',
      until: (cast) => cast.commit(cast.leader) >= kept(cast, 'last'),
    },
    {
      say: 'The leader counts: itself and one follower are a majority. The entry is committed, the leader applies it to its state (solid, with a bar below), and the client has its answer. The followers do not know that yet; the next message tells them.',
      until: (cast) => cast.isSettled(cast.slots),
    },
    {
      say: 'Now ten writes at once, at a follower. A follower hands writes on to the leader (pentagons), and the leader does not wait for one acknowledgement before it sends the next entry.',
      acts: (cast) => {
        const via = others(cast, cast.leader)[0] ?? 0;
        return Array.from({ length: 10 }, (): Act => ({ kind: 'write', who: via }));
      },
      until: (cast) => cast.answer === 'done' && cast.isSettled(cast.slots),
    },
  ],
  end: () => 'Written, acknowledged by a majority, committed, applied, answered: in this order, for every entry.',
};

/** The logs of figure 7 of the Raft paper, after the first entry: the leader to be, then (a) to (f). */
const FIGURE_7: readonly (readonly number[])[] = [
  [1, 1, 4, 4, 5, 5, 6, 6, 6],
  [1, 1, 4, 4, 5, 5, 6, 6],
  [1, 1, 4],
  [1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  [1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  [1, 1, 4, 4, 4, 4],
  [1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
];

/** Timers that never end: only who is told to campaigns. */
const STILL = { electionTick: 1000, heartbeatTick: 10, preVote: false, checkQuorum: false };

export const figure7: Scene = {
  id: 'figure-7',
  title: 'Figure 7: logs that went apart',
  summary: 'The seven logs of figure 7 of the Raft paper, and how a new leader makes them one.',
  knobs: () => ({ ...STILL, members: 7, seed: 1 }),
  logs: FIGURE_7,
  chapters: () => [
    {
      say: 'Seven logs, as in figure 7 of the paper; n1 is the leader to be, n2 to n7 are (a) to (f). Each number is a term (the first entry of all is in a snapshot, hatched). Some logs lack entries, some hold entries that nobody committed, n7 both. n1 campaigns.',
      acts: () => [{ kind: 'campaign', who: 0 }],
      until: (cast) => cast.leader === 0,
    },
    {
      say: 'n4 and n5 refuse: their logs are more complete. The others vote for n1, which leads in term 8 now. It offers each follower its newest entry, together with the index and term of the one before.',
      until: (cast) => cast.slots.some((slot) => slot > 0 && cast.last(slot) === cast.last(0)),
    },
    {
      say: 'A follower whose log does not match there refuses (✕), and names where it could match. The leader goes back that far, and sends from there. Entries marked ≠ will be replaced; the leader never changes its own.',
      until: (cast) => cast.isSettled(cast.slots),
    },
  ],
  end: () =>
    'All seven are equal. The entries that were replaced had never been committed, so no client had been told that they were done.',
};

const elected = (slot: number) => (cast: Cast) => cast.leader === slot;

/** Everything that figure 8 shows up to (c): an entry of an old term on a majority, and not committed. */
const upToC: readonly Chapter[] = [
  {
    say: '(a) n1 leads in term 2. Its entry reaches n2, and nobody else.',
    acts: () => [{ kind: 'campaign', who: 0 }],
    until: (cast) => cast.leader === 0,
  },
  {
    say: '(a) The links to n3, n4 and n5 fail at once: only n2 receives the entry at index 2.',
    acts: () => [
      { kind: 'cut', who: 0, to: 2 },
      { kind: 'cut', who: 0, to: 3 },
      { kind: 'cut', who: 0, to: 4 },
    ],
    until: (cast) => cast.last(1) === 2 && cast.elapsed > 150,
  },
  {
    say: '(b) n1 crashes. n5 is elected in term 3 by n3 and n4, and writes another entry at index 2, which it cannot send to anybody.',
    acts: () => [{ kind: 'crash', who: 0 }, { kind: 'heal' }, { kind: 'campaign', who: 4 }],
    until: elected(4),
  },
  {
    say: '(b) Nobody hears n5 any more.',
    acts: () => [{ kind: 'isolate', who: 4 }],
    until: ({ elapsed }) => elapsed > 400,
  },
  {
    say: '(c) n5 crashes. n1 starts again and campaigns twice: in term 3, in which n3 and n4 have voted for n5, and then in term 4. It does not reach n4.',
    acts: () => [
      { kind: 'crash', who: 4 },
      { kind: 'heal' },
      { kind: 'cut', who: 0, to: 3 },
      { kind: 'start', who: 0 },
      { kind: 'campaign', who: 0 },
      { kind: 'campaign', who: 0 },
    ],
    until: elected(0),
  },
  {
    say: '(c) It goes on with what it has: the old entry at index 2 goes to n3, too. Its own entry of term 4, at index 3, gets nowhere yet.',
    acts: () => [{ kind: 'cut', who: 0, to: 1 }],
    until: (cast) => cast.termAt(2, 2) === 2,
  },
  {
    say: '(c) Look at index 2: n1, n2 and n3 hold the entry of term 2, a majority. But it is not committed, and it must not be: a leader counts only entries of its own term.',
    acts: () => [{ kind: 'isolate', who: 0 }],
    until: ({ elapsed }) => elapsed > 300,
  },
];

export const figure8: Scene = {
  id: 'figure-8',
  title: 'Figure 8: on a majority, and not committed',
  summary: 'Why a leader does not commit entries of older terms by counting: figure 8 of the Raft paper.',
  variants: [
    { id: 'd', label: '(d) it is replaced' },
    { id: 'e', label: '(e) it stays' },
  ],
  // One entry a message, so that the old entry arrives and the new one does not.
  knobs: () => ({ ...STILL, members: 5, seed: 8, maxSizePerMsg: 0, minDelay: 100, maxDelay: 100 }),
  chapters: (variant) => [
    ...upToC,
    ...(variant === 'e'
      ? [
          {
            say: '(e) n1 goes on, and its entry of term 4 reaches n2 and n3. That one it may count: it is committed, and the old one before it with it.',
            acts: (): Act[] => [{ kind: 'heal' }],
            until: (cast: Cast) => cast.commit(0) >= 3 && cast.commit(2) >= 3,
          },
          {
            say: '(e) n1 crashes, and n5 comes back and campaigns. It cannot win: n2, n3 and n4 have a newer log.',
            acts: (): Act[] => [
              { kind: 'crash', who: 0 },
              { kind: 'start', who: 4 },
              { kind: 'campaign', who: 4 },
              { kind: 'campaign', who: 4 },
            ],
            until: ({ elapsed }: Cast) => elapsed > 600,
          },
          {
            say: '(e) One of those who hold the entry campaigns in its place, and wins.',
            acts: (): Act[] => [{ kind: 'campaign', who: 1 }],
            until: (cast: Cast) => cast.leader === 1 && cast.isSettled(running(cast)),
          },
        ]
      : [
          {
            say: '(d) n1 crashes. n5 comes back; its last entry is of term 3, newer than the 2 of the others, so it is elected in term 5.',
            acts: (): Act[] => [
              { kind: 'crash', who: 0 },
              { kind: 'heal' },
              { kind: 'start', who: 4 },
              { kind: 'campaign', who: 4 },
              { kind: 'campaign', who: 4 },
            ],
            until: elected(4),
          },
          {
            say: '(d) It replaces the entry of term 2 that a majority held (≠), everywhere. Had n1 counted it as committed, a committed entry would be lost here.',
            until: (cast: Cast) => cast.isSettled(running(cast)),
          },
        ]),
  ],
  end: (variant) =>
    variant === 'e'
      ? 'An entry of one’s own term commits everything before it. That is why a new leader begins with an empty entry. Play (d), too.'
      : 'On a majority is not enough: the entry must be of the leader’s own term. Play (e) to see it stay.',
};

export const snapshot: Scene = {
  id: 'snapshot',
  title: 'Catching up by a snapshot',
  summary: 'A member was away for so long that the entries it needs are gone.',
  knobs: () => ({ members: 3, seed: 6 }),
  chapters: () => [
    { say: 'Three members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'A follower loses its power. The others go on: a client writes eight times.',
      acts: (cast) => {
        const away = keep(cast, 'away', others(cast, cast.leader)[0] ?? 0);
        const writes = Array.from({ length: 8 }, (): Act => ({ kind: 'write', who: cast.leader }));
        return [{ kind: 'crash', who: away }, ...writes];
      },
      until: (cast) => cast.answer === 'done' && cast.isSettled(running(cast)),
    },
    {
      say: 'The leader makes a snapshot of its state and drops the entries that it covers (hatched). A log cannot grow for ever.',
      acts: ({ leader }) => [{ kind: 'snapshot', who: leader }],
      until: (cast) => cast.elapsed > 800,
    },
    {
      say: 'The follower starts again. The entry that it needs next is gone, so the leader sends the snapshot (large square) in its place.',
      acts: (cast) => [{ kind: 'start', who: kept(cast, 'away') }],
      until: (cast) => cast.first(kept(cast, 'away')) > 3,
    },
    {
      say: 'The snapshot is installed: the member has the state of that index, and none of the entries before it. From here on it is sent entries again.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done' && cast.isSettled(cast.slots),
    },
  ],
  end: () =>
    'State instead of history: the members are equal again, although the first ten entries are gone from the logs of n1 and n2.',
};

export const membership: Scene = {
  id: 'membership',
  title: 'Changing the members',
  summary: 'Two members join and one leaves, in one step, through a joint configuration.',
  knobs: () => ({ members: 3, seed: 9 }),
  chapters: () => [
    { say: 'Three members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'The leader proposes that two new members join, and a follower leaves. If each member switched from the old to the new members by itself, a majority of the old ones and a majority of the new ones could decide without each other. So there is a state in between: joint.',
      acts: (cast) => [{ kind: 'change', who: keep(cast, 'leaver', others(cast, cast.leader)[0] ?? 0), value: 2 }],
      until: (cast) => cast.isJoint(cast.leader),
    },
    {
      say: 'The configuration is joint. Now it takes two majorities to commit or to elect: one of the old members, and one of the new ones. A client writes: choose the leader to see whom it counts.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done' && cast.isSettled(others(cast, kept(cast, 'leaver'))),
    },
    {
      say: 'The new members have caught up. The leader proposes to leave the joint configuration: from then on only the new majority counts.',
      acts: () => [{ kind: 'leave' }],
      until: (cast) =>
        others(cast, kept(cast, 'leaver')).every((slot) => !cast.isJoint(slot)) &&
        cast.isSettled(others(cast, kept(cast, 'leaver'))),
    },
    {
      say: 'The one that left is sent nothing any more, and can be shut down.',
      acts: (cast) => [{ kind: 'crash', who: kept(cast, 'leaver') }],
      until: ({ elapsed }) => elapsed > 1500,
    },
  ],
  end: () => 'Four members, of which two are new. At no moment could two majorities decide without each other.',
};
