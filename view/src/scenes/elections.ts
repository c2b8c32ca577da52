import { maskOf } from '../model/act.js';
import type { Cast, Scene } from '../model/origin.js';

/** The members that take part and are up. */
export function running(cast: Cast): readonly number[] {
  return cast.slots.filter((slot) => cast.role(slot) !== 'down');
}

export function others(cast: Cast, ...but: readonly number[]): readonly number[] {
  return cast.slots.filter((slot) => !but.includes(slot));
}

/** Keeps something for later chapters, and returns it. */
export function keep(cast: Cast, name: string, value: number): number {
  cast.memory.set(name, value);
  return value;
}

export function kept(cast: Cast, name: string): number {
  return cast.memory.get(name) ?? -1;
}

const campaigning = (cast: Cast): readonly number[] => cast.slots.filter((slot) => cast.role(slot) === 'candidate');

export const election: Scene = {
  id: 'election',
  title: 'An election',
  summary: 'Five members begin with nobody in the lead, and agree on one.',
  knobs: () => ({ members: 5, seed: 4, preVote: false, checkQuorum: false }),
  chapters: () => [
    {
      say: 'Five followers, and no leader. The arc around each member is its election timer; chance has set each to another length. Watch which arc closes first. (Entry 1, hatched in the logs, is the empty state that all begin with.)',
      until: (cast) => campaigning(cast).length > 0,
    },
    {
      say: 'The first timer has ended, and its member has become a candidate: it has begun a new term, voted for itself, and asks all others for their votes (triangles). A term is a number that only grows: each leader has a term of its own. A member gives one vote in a term, and only to a log that is at least as complete as its own.',
      until: (cast) => cast.leader >= 0,
    },
    {
      say: 'Three of five, a majority, have voted for it: now it leads (★). It begins with an empty entry: once a majority has that, all entries before it are known to be committed, too. Watch it travel (squares), and its acknowledgements come back (hollow squares).',
      until: (cast) => cast.isSettled(cast.slots),
    },
    {
      say: 'A majority has the entry, so it is committed: it will never be lost. Everybody has applied it. From here on heartbeats (dots) hold the other timers back: each arc begins again before it closes.',
      until: ({ elapsed }) => elapsed > 2500,
    },
  ],
  end: () =>
    'One election, one leader, one term. Cut the power of the leader (choose it, then Crash) and see the next election.',
};

export const splitVote: Scene = {
  id: 'split-vote',
  title: 'A split vote',
  summary: 'Two candidates share the votes, nobody wins, and chance breaks the tie.',
  knobs: () => ({ members: 4, seed: 3, preVote: false, checkQuorum: false, minDelay: 100, maxDelay: 100 }),
  chapters: () => [
    {
      say: 'Four members: a majority is three. Two of them start an election at the same moment. (One link of each is cut for a moment, so that each reaches another voter first.)',
      // One cut each makes sure that either candidate reaches one voter first.
      acts: () => [
        { kind: 'cut', who: 0, to: 3 },
        { kind: 'cut', who: 1, to: 2 },
        { kind: 'campaign', who: 0 },
        { kind: 'campaign', who: 1 },
      ],
      until: (cast) => campaigning(cast).length === 2 && cast.elapsed > 150,
    },
    {
      say: 'n1 and n2 are candidates of the same term. n3 has heard n1 first, n4 has heard n2 first. Each votes once: two votes against two.',
      acts: () => [{ kind: 'heal' }],
      until: (cast) => cast.elapsed > 450,
    },
    {
      say: 'Nobody has three votes, so this term passes without a leader: it is burnt (see the timeline). Nothing is wrong, and nothing is stuck. Each member has drawn a new length for its timer, so two of them will hardly end together again.',
      until: (cast) => cast.leader >= 0,
    },
    {
      say: 'One timer ended clearly before the others, and its owner has won a later term.',
      until: (cast) => cast.isSettled(cast.slots),
    },
  ],
  end: () =>
    'Random timers are all that Raft needs to break a tie. A term without a leader costs a little time, and nothing else.',
};

export const leaderCrash: Scene = {
  id: 'leader-crash',
  title: 'The leader crashes',
  summary: 'The leader loses its power, another one takes over, and the first comes back.',
  knobs: () => ({ members: 5, seed: 11 }),
  chapters: () => [
    { say: 'Five members elect a leader first.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'A client writes twice at the leader. Both writes are answered: they are committed.',
      acts: ({ leader }) => [
        { kind: 'write', who: leader },
        { kind: 'write', who: leader },
      ],
      until: (cast) => cast.answer === 'done' && cast.isSettled(cast.slots),
    },
    {
      say: 'Now the leader loses its power, and its heartbeats stop. The followers do not notice at once: they notice when their timers end.',
      acts: (cast) => [{ kind: 'crash', who: keep(cast, 'old', cast.leader) }],
      until: (cast) => cast.slots.some((slot) => ['candidate', 'pre-candidate'].includes(cast.role(slot))),
    },
    {
      say: 'The first timer has ended, and its member asks for votes. Whoever wins has both writes: a majority has them, and nobody votes for a log that is less complete than its own.',
      until: (cast) => cast.leader >= 0 && cast.isSettled(running(cast)),
    },
    {
      say: 'The cluster serves clients again, with four of five. A client writes at the new leader.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done',
    },
    {
      say: 'The old leader starts again from its disk. It comes back as a follower and is sent what it missed.',
      acts: (cast) => [{ kind: 'start', who: kept(cast, 'old') }],
      until: (cast) => cast.isSettled(cast.slots),
    },
  ],
  end: () =>
    'Nothing that was answered is lost. For the seconds in which there was no leader (see the timeline), nobody could write.',
};

export const preVote: Scene = {
  id: 'pre-vote',
  title: 'PreVote off and on',
  summary: 'A member that was cut off comes back, and disturbs the others, or does not.',
  variants: [
    { id: 'off', label: 'PreVote off' },
    { id: 'on', label: 'PreVote on' },
  ],
  knobs: (variant) => ({ members: 5, seed: 7, preVote: variant === 'on', checkQuorum: variant === 'on' }),
  chapters: (variant) => [
    { say: 'Five members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say:
        variant === 'on'
          ? 'One follower is cut off. Its timer ends, and it asks whether it could win, without beginning a term (role: pre-candidate). Nobody answers, so its term stays what it was. Watch the term in its circle.'
          : 'One follower is cut off. Its timer ends again and again, and each time it begins a new term. Watch the term in its circle grow.',
      acts: (cast) => [
        { kind: 'isolate', who: keep(cast, 'lonely', others(cast, keep(cast, 'led', cast.leader)).at(-1) ?? 0) },
      ],
      until: ({ elapsed }) => elapsed > 9000,
    },
    {
      say:
        variant === 'on'
          ? 'The links are open again. The others have heard from their leader a moment ago, so they do not help anybody to replace it.'
          : 'The links are open again. Whatever the member sends now carries its high term. A leader that meets a higher term must step down, although nothing was wrong with it.',
      acts: (cast) => {
        keep(cast, 'before', cast.term(kept(cast, 'led')));
        return [{ kind: 'heal' }];
      },
      until: (cast) =>
        variant === 'on'
          ? cast.isSettled(cast.slots) && cast.elapsed > 3000
          : cast.term(kept(cast, 'led')) > kept(cast, 'before'),
    },
    {
      say:
        variant === 'on'
          ? 'The member has caught up. Same leader, same term: the others never noticed.'
          : 'The leader has stepped down. For a while nobody can write, and an election follows that nobody needed.',
      until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) && cast.elapsed > 500,
    },
  ],
  end: (variant) =>
    variant === 'on'
      ? 'With PreVote a member asks before it begins a term, so it disturbs nobody. @raft-ts/replica switches it on, together with CheckQuorum: a leader that does not reach a majority steps down.'
      : 'The timeline shows the terms that found no leader (✕), and the gap in which nobody led. Play the same with PreVote on (the button above).',
};

export const splitBrain: Scene = {
  id: 'split-brain',
  title: 'Split brain, 2 against 3',
  summary: 'Two members lead at once, but only one of them can commit.',
  // Without the check of the quorum: the old leader would step down by itself, which is safe and shows less.
  knobs: () => ({ members: 5, seed: 2, preVote: true, checkQuorum: false }),
  chapters: () => [
    { say: 'Five members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'The network splits: the leader and one follower on one side, three members on the other. A client that does not know this writes at the old leader.',
      acts: (cast) => {
        const old = keep(cast, 'old', cast.leader);
        const friend = keep(cast, 'friend', others(cast, old)[0] ?? 0);
        return [
          { kind: 'split', value: maskOf([old, friend]) },
          { kind: 'write', who: old },
        ];
      },
      until: (cast) => cast.leader !== kept(cast, 'old') && cast.leader >= 0,
    },
    {
      say: 'Two leaders! The three elected one of their own in a higher term. The old one does not know. Its write lies in two logs of five (dashed: not committed), and the client is still waiting. A client on the other side writes too.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done',
    },
    {
      say: 'The write on the side of the three was answered: three of five hold it. After a while the first client gives up. Nobody has told it anything, so its write is "unknown".',
      until: ({ elapsed }) => elapsed > 6000,
    },
    {
      say: 'The links are open again. The old leader meets the higher term and steps down. Watch the logs: its entry conflicts with the committed one (marked ≠), and is replaced.',
      acts: () => [{ kind: 'heal' }],
      until: (cast) => cast.isSettled(cast.slots),
    },
  ],
  end: () =>
    'Two leaders, but never two truths: it takes a majority to commit, and there is only one. The first client was never told that its write was done, and its write is gone.',
};
