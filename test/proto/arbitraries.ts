/** Random records that are valid, in the form in which the codec returns them. */
import {
  type ConfChange,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  type Message,
  MessageType,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/proto';
import fc from 'fast-check';

const MAX = Number.MAX_SAFE_INTEGER;

/** The numbers at which a varint grows by a byte, and their neighbours. */
const edges = [7, 14, 21, 28, 31, 32, 35, 42, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]);
export const position: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 300 }),
  fc.constantFrom(...edges.filter((edge) => edge <= MAX)),
  fc.maxSafeNat(),
);

const wideEdges = [7n, 14n, 28n, 31n, 32n, 35n, 53n, 56n, 63n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits]);
export const id: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.constantFrom(...wideEdges, 2n ** 64n - 1n, 2n ** 64n - 2n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

/** Bytes around the lengths at which memory is handed out in another way. */
const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(16, 17, 64, 65, 127, 128, 300, 2048, 2049, 9000), fc.nat({ max: 255 }))
      .map(([length, value]) => new Uint8Array(length).fill(value)),
  },
);
const someBytes = fc.option(bytes, { nil: undefined }).map((value) => (value?.length === 0 ? undefined : value));

export const entry: fc.Arbitrary<Entry> = fc.record({
  type: fc.constantFrom<(EntryType | undefined)[]>(undefined, 0, 1, 2),
  term: position,
  index: position,
  data: fc.option(bytes, { nil: undefined }),
});

const ids = fc.array(id, { maxLength: 5 });
export const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

export const snapshotMetadata: fc.Arbitrary<SnapshotMetadata> = fc.record({
  confState,
  index: position,
  term: position,
});

export const snapshot: fc.Arbitrary<Snapshot> = fc.record({ data: someBytes, metadata: snapshotMetadata });

export const hardState: fc.Arbitrary<HardState> = fc.record({ term: position, vote: id, commit: position });

const changeType = fc.constantFrom<ConfChangeType[]>(0, 1, 2, 3);
export const confChange: fc.Arbitrary<ConfChange> = fc.record({
  id,
  type: changeType,
  nodeId: id,
  context: someBytes,
});

export const confChangeV2: fc.Arbitrary<ConfChangeV2> = fc.record({
  transition: fc.constantFrom<ConfChangeV2['transition'][]>(0, 1, 2),
  changes: fc.array(fc.record({ type: changeType, nodeId: id }), { maxLength: 4 }),
  context: someBytes,
});

const isEmpty = ({ data, metadata: { confState: cs, index, term } }: Snapshot): boolean =>
  data === undefined &&
  index === 0 &&
  term === 0 &&
  !cs.autoLeave &&
  cs.voters.length + cs.learners.length + cs.votersOutgoing.length + cs.learnersNext.length === 0;

function messageWith(responses: fc.Arbitrary<Message[]>): fc.Arbitrary<Message> {
  return fc
    .record<Message>({
      type: fc.constantFrom(...Object.values(MessageType)),
      to: id,
      from: id,
      term: position,
      logTerm: position,
      index: position,
      entries: fc.array(entry, { maxLength: 6 }),
      commit: position,
      vote: id,
      snapshot: fc.option(snapshot, { nil: undefined, freq: 3 }),
      reject: fc.boolean(),
      rejectHint: position,
      context: someBytes,
      responses,
    })
    .map((message) => {
      const drop = message.snapshot !== undefined && message.type !== MessageType.MsgSnap && isEmpty(message.snapshot);
      return drop ? { ...message, snapshot: undefined } : message;
    });
}

const leaf = messageWith(fc.constant([]));
const middle = messageWith(fc.array(leaf, { maxLength: 2 }));
export const message: fc.Arbitrary<Message> = messageWith(fc.array(middle, { maxLength: 2 }));
