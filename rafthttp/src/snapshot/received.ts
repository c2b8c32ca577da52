import { type ConfState, type Message, type Snapshot } from '@raft-ts/proto';

/** A complete body, whose snapshot raft may or may not have accepted. */
export interface ReceivedBody {
  /** Its file. */
  readonly path: string;
  readonly snapshot: Snapshot;
  /** Term of the message that it came with. */
  readonly term: number;
  readonly completedMs: number;
}

/** Returns the body that belongs to a snapshot; undefined if none does, `ambiguous` if several could. */
export function bodyOf(
  bodies: readonly ReceivedBody[],
  wanted: Snapshot | number,
): ReceivedBody | 'ambiguous' | undefined {
  // Raft hands out the same object that it was given.
  const exact = bodies.find(({ snapshot }) => snapshot === wanted);
  if (exact !== undefined) return exact;
  const fitting = bodies.filter(({ snapshot }) =>
    typeof wanted === 'number' ? snapshot.metadata.index === wanted : isSame(snapshot, wanted),
  );
  // Raft follows the highest term, and accepts the first of otherwise equal snapshots.
  const term = Math.max(...fitting.map((body) => body.term));
  const [first, ...others] = fitting.filter((body) => body.term === term);
  if (first === undefined) return undefined;
  return others.every((other) => isSame(other.snapshot, first.snapshot)) ? first : 'ambiguous';
}

function isSame({ metadata: a }: Snapshot, { metadata: b }: Snapshot): boolean {
  return a.index === b.index && a.term === b.term && keyOf(a.confState) === keyOf(b.confState);
}

function keyOf({ voters, learners, votersOutgoing, learnersNext, autoLeave }: ConfState): string {
  return [voters, learners, votersOutgoing, learnersNext, [autoLeave]].map((ids) => ids.join()).join(';');
}

/** Returns the snapshot of a MsgSnap, the only kind of message that has a body. */
export function snapshotOf({ snapshot }: Message): Snapshot {
  if (snapshot === undefined) throw new Error('a message without a snapshot has no body');
  return snapshot;
}
