import type { Member } from '../member/member.js';
import type { Cast, Situation } from './situations.js';
import { type Asked, type Guards, Stage } from './stage.js';

const MEMBERS = 5;

/** The cut lasts so long: several election timeouts. */
const CUT_MS = 8000;
const HEALED_MS = 4000;
const MINUTE_MS = 60_000;

/** What a situation came to, in figures. */
export interface Sum {
  /** Terms that were begun from the cut to the end. */
  readonly terms: number;
  /** Elections that were won in the same time. */
  readonly elections: number;
  readonly twoLeadersMs: number;
  /** For how long nothing was committed anywhere after the cut; as long as the cut if nothing was. */
  readonly standstillMs: number;
  /** Writes that were asked for while the network was cut, by what their clients had been told when it was healed. */
  readonly committed: number;
  readonly refused: number;
  readonly unanswered: number;
}

/** A situation that was played: the lines to read, and its figures. */
export interface Played {
  readonly lines: readonly string[];
  readonly sum: Sum;
}

function highestTerm(stage: Stage): number {
  return Math.max(...stage.members.map(({ node }) => node?.raft.term ?? 0));
}

function castOf(stage: Stage): Cast {
  const leader = stage.world.leader() as Member;
  const others = stage.members.filter((member) => member !== leader);
  return { leader, others: others as unknown as Cast['others'] };
}

/** Do all members follow the same leader? */
function followsOne({ members, world }: Stage): boolean {
  const leader = world.leader();
  return leader !== undefined && members.every(({ node }) => node?.raft.lead === leader.id);
}

/** The writes whose clients have heard nothing yet. */
function unanswered(writes: readonly Asked[]): readonly Asked[] {
  return writes.filter(({ committed, refused }) => committed === undefined && refused === undefined);
}

/** Plays a situation: an election, a write, the cut, clients on both sides, the cut healed, a write. */
export function play(situation: Situation, seed: number, guards: Guards): Played {
  const stage = new Stage(seed, MEMBERS, guards);
  const { world } = stage;
  stage.runUntil(() => world.leader() !== undefined, MINUTE_MS);
  stage.run(500);
  const cast = castOf(stage);
  const clients = situation.clients(cast);
  stage.write(cast.leader);
  stage.run(500);

  const [termBefore, electionsBefore, committedBefore] = [
    highestTerm(stage),
    stage.elections,
    world.rules.history.committed,
  ];
  stage.say(`── The network is cut. ${situation.cut(cast)}`);
  stage.connect((from, to) => situation.isOpen(cast, from, to));
  const cutAt = world.now;
  let movesAt: number | undefined;
  const runAndWatch = (ms: number): void => {
    const end = world.now + ms;
    const moves = (): boolean => world.rules.history.committed > committedBefore;
    if (movesAt === undefined && stage.runUntil(moves, ms)) movesAt = world.now;
    stage.run(end - world.now);
  };
  const writes: Asked[] = clients.map((via) => stage.write(via));
  runAndWatch(CUT_MS / 2);
  writes.push(...clients.map((via) => stage.write(via)));
  runAndWatch(CUT_MS / 2);
  const open = unanswered(writes);
  const committed = writes.filter((write) => write.committed !== undefined).length;
  stage.tell('Where they are now:');
  for (const { name, via } of open) {
    stage.add(
      `${name} has no answer yet: whether it will be carried out, neither its client nor member ${via.id} knows.`,
    );
  }

  stage.say('── The network is whole again.');
  stage.heal();
  stage.run(HEALED_MS);
  // Without PreVote, members of the minority may spoil some more elections.
  stage.runUntil(() => followsOne(stage), MINUTE_MS);
  stage.write(clients[1]);
  stage.run(1000);
  stage.tell('Where they are in the end:');
  for (const { name, via } of unanswered(open)) {
    stage.add(
      `${name} is lost: it never reached a majority. Member ${via.id} will not apply it; its client may ask again.`,
    );
  }
  return {
    lines: stage.lines,
    sum: {
      terms: highestTerm(stage) - termBefore,
      elections: stage.elections - electionsBefore,
      twoLeadersMs: stage.twoLeadersMs,
      standstillMs: movesAt === undefined ? CUT_MS : movesAt - cutAt,
      committed,
      refused: writes.length - committed - open.length,
      unanswered: open.length,
    },
  };
}
