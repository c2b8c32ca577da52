import { maskOf } from '../model/act.js';
import type { Scene } from '../model/origin.js';
import { keep, kept, others } from './elections.js';

export const staleRead: Scene = {
  id: 'stale-read',
  title: 'A stale read, and ReadIndex',
  summary: 'A leader that was replaced answers with old data, unless it has to ask first.',
  // Without the check of the quorum the old leader goes on for as long as it hears nothing.
  knobs: () => ({ members: 5, seed: 2, checkQuorum: false }),
  chapters: () => [
    { say: 'Five members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'A client writes, and everybody applies it.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done' && cast.isSettled(cast.slots),
    },
    {
      say: 'The leader is cut off, with one follower. The other three elect a leader of their own.',
      acts: (cast) => {
        const old = keep(cast, 'old', cast.leader);
        return [{ kind: 'split', value: maskOf([old, keep(cast, 'friend', others(cast, old)[0] ?? 0)]) }];
      },
      until: (cast) => cast.leader >= 0 && cast.leader !== kept(cast, 'old'),
    },
    {
      say: 'A client writes at the new leader, and is answered. The old leader, which still believes that it leads, knows nothing of it.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done',
    },
    {
      say: 'A client asks the old leader and takes whatever it has: a stale read. Look at the client: the answer is older than what was committed before the question.',
      acts: (cast) => [{ kind: 'stale-read', who: kept(cast, 'old') }],
      until: (cast) => cast.answer === 'stale' && cast.elapsed > 300,
    },
    {
      say: 'Now a linearizable read at the same member (ReadIndex). Before it answers, it asks a majority whether it still leads (diamonds and heartbeats). It reaches two of five, itself among them, so it does not answer.',
      acts: (cast) => [{ kind: 'read', who: kept(cast, 'old') }],
      until: (cast) => cast.answer === 'not done',
    },
    {
      say: 'No answer is better than a wrong one. The links are open again, and the client asks once more.',
      acts: () => [{ kind: 'heal' }],
      until: (cast) => cast.isSettled(cast.slots),
    },
    {
      say: 'The member asks the leader for the index, waits until it has applied that far, and answers: this time with the newest value.',
      acts: (cast) => [{ kind: 'read', who: kept(cast, 'old') }],
      until: (cast) => cast.answer === 'done',
    },
  ],
  end: () => 'A read that asks nobody is quick, and may be old. ReadIndex asks a majority first, and is never old.',
};

export const lease: Scene = {
  id: 'lease',
  title: 'A lease, and a leader that was frozen',
  summary:
    'A lease lets a leader answer reads without asking, for as long as nobody else can have been elected. It measures that by its clock, which stands still when its process does.',
  variants: [
    { id: 'lease', label: 'reads by lease' },
    { id: 'read-index', label: 'ReadIndex' },
  ],
  knobs: (variant) => ({ members: 3, seed: 3, checkQuorum: true, leaseReads: variant === 'lease' }),
  chapters: (variant) => [
    { say: 'Three members elect a leader.', until: (cast) => cast.leader >= 0 && cast.isSettled(cast.slots) },
    {
      say: 'The process of the leader is frozen: a long pause for garbage, a laptop that sleeps. It counts no ticks. The others notice that it is silent.',
      acts: (cast) => [{ kind: 'freeze', who: keep(cast, 'old', cast.leader) }],
      until: (cast) =>
        cast.leader >= 0 && cast.leader !== kept(cast, 'old') && cast.isSettled(others(cast, kept(cast, 'old'))),
    },
    {
      say: 'There is another leader, and a client writes there. It is committed and answered.',
      acts: ({ leader }) => [{ kind: 'write', who: leader }],
      until: (cast) => cast.answer === 'done',
    },
    {
      say:
        variant === 'lease'
          ? 'The old leader wakes up, and a client reads there before anything else happens. By its own clock no time has passed: its lease seems good, and it answers at once, from before the write.'
          : 'The old leader wakes up, and a client reads there before anything else happens. It must ask a majority first, and learns that it does not lead any more.',
      acts: (cast) => [
        { kind: 'thaw', who: kept(cast, 'old') },
        { kind: 'read', who: kept(cast, 'old') },
      ],
      until: (cast) =>
        variant === 'lease'
          ? cast.broken !== undefined
          : cast.role(kept(cast, 'old')) === 'follower' && ['done', 'not done'].includes(cast.answer),
    },
  ],
  end: (variant) =>
    variant === 'lease'
      ? 'The simulator has caught it: the rule read-linearizable is broken, and the run ends here. It is why reads by lease are off by default, and why @raft-ts/replica drops a lease when its process stood still. Play the same with ReadIndex.'
      : 'ReadIndex needs no clock: it asks. The read got no answer, rather than an old one; asking again is safe.',
};
