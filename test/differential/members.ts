import { encodeConfChange, encodeConfChangeV2, encodeSnapshot } from '@raft-ts/proto';
import type { ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfState, NodeId } from '@raft-ts/raft';
import { emptyConfState } from '@raft-ts/raft';
import { payloadText } from './inspect.js';
import type { Choices } from './random.js';

/** How a member comes to be: with a membership in its storage, by `bootstrap`, or with nothing, to be added later. */
export type Beginning = 'stored' | 'bootstrap' | 'empty';

// Text forms of ids differ above 9, numbers and bigints above 2^53.
const uncommonIds: readonly NodeId[] = [3n, 10n, 17n, 255n, 4097n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 3n];

/** Ids of the members that begin, and of some that may join or are only spoken of. */
export function chooseIds(choices: Choices): { readonly begin: readonly NodeId[]; readonly others: readonly NodeId[] } {
  const count = choices.pick([1, 2, 3, 3, 3, 3, 4, 5, 5]);
  const small = Array.from({ length: count + 2 }, (_, i) => BigInt(i + 1));
  const pool = choices.chance(0.85) ? small : shuffled(choices, uncommonIds);
  return { begin: pool.slice(0, count), others: pool.slice(count, count + 2) };
}

export function shuffled<T>(choices: Choices, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(choices.below(left.length), 1)[0] as T);
}

// Sizes of common entries, and of common payloads and sums of them: limits are to be met exactly, too.
const entrySizes: readonly number[] = [4, 6, 7, 9, 14, 16, 18, 26];
const payloadSizes: readonly number[] = [1, 3, 4, 6, 8, 11, 20];

function around(choices: Choices, sizes: readonly number[]): number {
  return choices.chance(0.5) ? choices.pick(sizes) : choices.between(1, 60);
}

/** Options of a member's `new` and `restart`. */
export function chooseOptions(choices: Choices): string[] {
  const options: string[] = [];
  const maybe = (probability: number, option: string): void => {
    if (choices.chance(probability)) options.push(option);
  };
  const election = choices.pick([2, 3, 5, 10, 16]);
  options.push(`election=${election}`);
  maybe(0.2, `heartbeat=${choices.between(1, election - 1)}`);
  maybe(0.35, 'async');
  maybe(0.4, 'pre-vote');
  maybe(0.2, 'no-forwarding');
  maybe(0.15, 'no-validation');
  maybe(0.4, 'step-down');
  maybe(0.4, 'check-quorum');
  if (options.includes('check-quorum')) maybe(0.4, 'lease');
  maybe(0.3, `inflight=${choices.between(1, 5)}`);
  maybe(0.3, `uncommitted-size=${around(choices, payloadSizes)}`);
  const messageSize = choices.pick([undefined, undefined, 0, around(choices, entrySizes), 200]);
  if (messageSize !== undefined) {
    options.push(`message-size=${messageSize}`);
    maybe(0.5, `inflight-bytes=${Math.max(messageSize, around(choices, payloadSizes), 1)}`);
  }
  // Without both of them nothing could be applied.
  maybe(messageSize === 0 ? 1 : 0.3, `committed-size=${around(choices, entrySizes)}`);
  return options;
}

/** Options that `Config` does not allow. */
export const wrongOptions: readonly string[] = [
  'heartbeat=0',
  'election=1 heartbeat=1',
  'election=3 heartbeat=5',
  'inflight=0',
  'message-size=50 inflight-bytes=49',
  'lease',
];

/** The membership that members begin with: voters, and perhaps learners. */
export function chooseMembership(choices: Choices, ids: readonly NodeId[]): ConfState {
  const learners = ids.length > 2 && choices.chance(0.25) ? ids.slice(-1) : [];
  return { ...emptyConfState(), voters: ids.filter((id) => !learners.includes(id)), learners };
}

/** The option that puts this membership into a new member's storage. */
export function bootOption(confState: ConfState, index: number): string {
  const metadata = { confState, index, term: index === 0 ? 0 : 1 };
  return `boot=${payloadText(encodeSnapshot({ data: undefined, metadata }))}`;
}

/** The arguments of `change` and `apply`: a membership change of the first or second form. */
export function chooseChange(choices: Choices, ids: readonly NodeId[], joint: boolean): string {
  const context = choices.chance(0.3) ? choices.payload(choices.between(1, 4)) : undefined;
  const single = (): ConfChangeSingle => ({
    type: (choices.chance(0.01) ? 4 : choices.pick([0, 0, 0, 1, 1, 2, 3, 3])) as ConfChangeType,
    nodeId: choices.chance(0.03) ? 0n : choices.pick(ids),
  });
  // etcd writes the fields that its caller has set, so all of them are set on both sides.
  if (choices.chance(0.4)) {
    const id = choices.chance(0.3) ? BigInt(choices.below(300)) : 0n;
    return `1 ${payloadText(encodeConfChange({ ...single(), id, context }, { explicit: true }))}`;
  }
  const leave = joint && choices.chance(0.6);
  const count = leave ? 0 : choices.pick([0, 1, 1, 1, 2, 2, 3]);
  const transition = (leave ? 0 : choices.chance(0.01) ? 3 : choices.pick([0, 0, 1, 2])) as ConfChangeTransition;
  const changes = Array.from({ length: count }, single);
  return `2 ${payloadText(encodeConfChangeV2({ transition, changes, context }, { explicit: true }))}`;
}
