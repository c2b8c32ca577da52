import { type ConfState, type Message, type Snapshot } from '@raft-ts/proto';

/** A body that is complete, and whose snapshot raft may or may not have taken. */
export interface ReceivedBody {
  /** Its file. */
  readonly path: string;
  readonly snapshot: Snapshot;
  /** Term of the message that it came with. */
  readonly term: number;
  readonly completedMs: number;
}

/** Which body belongs to a snapshot; undefined if none does, `ambiguous` if several could. */
export function bodyOf(
  bodies: readonly ReceivedBody[],
  wanted: Snapshot | number,
): ReceivedBody | 'ambiguous' | undefined {
  // Raft hands out the very snapshot that it was given.
  const exact = bodies.find(({ snapshot }) => snapshot === wanted);
  if (exact !== undefined) return exact;
  const fitting = bodies.filter(({ snapshot }) =>
    typeof wanted === 'number' ? snapshot.metadata.index === wanted : isSame(snapshot, wanted),
  );
  // Raft follows the highest term. Of snapshots that are equal otherwise it takes the first.
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

/** The snapshot of a MsgSnap; the transport lets no other message near a body. */
export function snapshotOf({ snapshot }: Message): Snapshot {
  if (snapshot === undefined) throw new Error('a message without a snapshot has no body');
  return snapshot;
}
