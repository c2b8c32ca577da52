import type { Member } from '../member/member.js';

/** The members of a situation, by what becomes of them: the leader at the beginning, and the others by their ids. */
export interface Cast {
  readonly leader: Member;
  readonly others: readonly [Member, Member, Member, Member];
}

/** A way in which members lose sight of each other. */
export interface Situation {
  readonly name: string;
  /** One sentence. */
  readonly about: string;
  /** What is cut, in words, with the ids of those whom it befalls. */
  readonly cut: (cast: Cast) => string;
  /** Is the direction from one id to another open? */
  readonly isOpen: (cast: Cast, from: number, to: number) => boolean;
  /** The members that a client on each side asks. */
  readonly clients: (cast: Cast) => readonly [Member, Member];
}

const ids = (members: readonly Member[]): number[] => members.map(({ id }) => Number(id));

function list(members: readonly Member[]): string {
  const sorted = ids(members).sort((a, b) => a - b);
  return `${sorted.slice(0, -1).join(', ')} and ${sorted.at(-1)}`;
}

/** Two groups that do not hear each other. */
function split(minorityOf: (cast: Cast) => readonly Member[]): Pick<Situation, 'cut' | 'isOpen'> {
  return {
    cut: (cast) => {
      const few = minorityOf(cast);
      const many = [cast.leader, ...cast.others].filter((member) => !few.includes(member));
      return `Members ${list(few)} no longer hear members ${list(many)}, nor these them.`;
    },
    isOpen: (cast, from, to) => {
      const few = ids(minorityOf(cast));
      return few.includes(from) === few.includes(to);
    },
  };
}

export const SITUATIONS: readonly Situation[] = [
  {
    name: 'split-brain',
    about: 'Five members are split into two and three, and the leader is with the two.',
    ...split(({ leader, others: [a] }) => [leader, a]),
    clients: ({ leader, others: [, b] }) => [leader, b],
  },
  {
    name: 'split-minority',
    about: 'Five members are split into two and three, and the leader is with the three.',
    ...split(({ others: [a, b] }) => [a, b]),
    clients: ({ leader, others: [a] }) => [leader, a],
  },
  {
    name: 'deaf-leader',
    about: 'The leader hears nobody, but everybody hears it.',
    cut: ({ leader }) => `Member ${leader.id} no longer hears anybody; what it sends still arrives.`,
    isOpen: ({ leader }, _from, to) => to !== Number(leader.id),
    clients: ({ leader, others: [a] }) => [leader, a],
  },
  {
    name: 'mute-leader',
    about: 'Nobody hears the leader, but it hears everybody.',
    cut: ({ leader }) => `Nobody hears member ${leader.id} any longer; it still hears the others.`,
    isOpen: ({ leader }, from) => from !== Number(leader.id),
    clients: ({ leader, others: [a] }) => [leader, a],
  },
  {
    name: 'deaf-follower',
    about: 'One follower hears nobody, but everybody hears it: it takes the leader for dead.',
    cut: ({ others: [a] }) => `Member ${a.id} no longer hears anybody; what it sends still arrives.`,
    isOpen: ({ others: [a] }, _from, to) => to !== Number(a.id),
    clients: ({ leader, others: [a] }) => [leader, a],
  },
  {
    name: 'bridge',
    about: 'Two groups of two do not hear each other, and one member hears both.',
    cut: ({ leader, others: [a, b, c, d] }) =>
      `Members ${list([leader, a])} no longer hear members ${list([c, d])}, nor these them; member ${b.id} hears all.`,
    isOpen: ({ leader, others: [a, b] }, from, to) => {
      const [near, middle] = [ids([leader, a]), Number(b.id)];
      return from === middle || to === middle || near.includes(from) === near.includes(to);
    },
    clients: ({ leader, others: [, , c] }) => [leader, c],
  },
];
