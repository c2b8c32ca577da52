import { type Act, Engine, KNOBS, type Knobs, type Origin, sceneOf } from '@raft-ts/view';

/** A scene by its id; its first variant unless another one is named. */
export function scene(id: string, variant?: string): Origin {
  const found = sceneOf(id);
  if (found === undefined) throw new Error(`there is no scene ${id}`);
  return { kind: 'scene', scene: found, variant: variant ?? found.variants?.[0]?.id ?? '' };
}

export function cluster(knobs: Partial<Knobs> = {}): Origin {
  return { kind: 'free', knobs: { ...KNOBS, members: 3, ...knobs } };
}

/** No scene and no test here needs as much virtual time, in milliseconds. */
const LONGEST = 60_000;

/** Lets a scene play to its end, or a cluster run until something holds. */
export function play(engine: Engine, until: (engine: Engine) => boolean = isAtEnd): Engine {
  while (!until(engine)) {
    if (engine.now > LONGEST || !engine.step()) break;
  }
  return engine;
}

export function isAtEnd({ chapter, chapters }: Engine): boolean {
  return chapters.length > 0 && chapter >= chapters.length;
}

/** The slot of whoever leads; throws if nobody does. */
export function leaderOf({ world }: Engine): number {
  const leader = world.leader();
  if (leader === undefined) throw new Error('nobody leads');
  return leader.slot;
}

export function hasLeader({ world }: Engine): boolean {
  const leader = world.leader();
  return (
    leader !== undefined && world.members.every(({ applied }) => applied === leader.node?.raft.raftLog.lastIndex())
  );
}

/** A cluster with a leader whom all follow. */
export function settled(knobs: Partial<Knobs> = {}): Engine {
  return play(new Engine(cluster(knobs)), hasLeader);
}

/** Does this now, and lets the cluster run for so long. */
export function after(engine: Engine, ms: number, ...acts: readonly Act[]): Engine {
  for (const act of acts) engine.perform(act, engine.now);
  const end = engine.now + ms;
  return play(engine, ({ next }) => next > end);
}

/** The terms of a member's log from the second entry on. */
export function termsOf({ world }: Engine, slot: number): number[] {
  return (world.members[slot]?.node?.raft.raftLog.allEntries() ?? []).map(({ term }) => term);
}
