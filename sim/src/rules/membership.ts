import type { ConfState, Entry, NodeId } from '@raft-ts/proto';
import { confStateKey } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';
import { configurationAfter } from './membership-model.js';

/** A member has carried out the membership change of an entry. */
export function configurationAgreed(history: History, { id }: Member, entry: Entry, confState: ConfState): void {
  const { index } = entry;
  // A member that starts again before all founders are in its configuration gets there one by one.
  if (index < history.decreed) return;
  const key = confStateKey(confState);
  const known = history.configurationAt(index);
  if (known !== undefined && (known.index === index || index <= history.applied)) {
    if (known.key === key) return;
    throw new Violation(
      'configuration-agreed',
      `After entry ${index} member ${id} has the configuration ${key}; others have ${known.key}.`,
    );
  }
  configurationValid(id, index, confState);
  if (known !== undefined) {
    configurationOverlap(index, known.confState, confState);
    configurationRight(id, entry, { before: known.confState, after: confState });
  }
  history.configurations.push({ index, confState, key });
}

/** The change leads where a second implementation of it leads. */
function configurationRight(
  id: NodeId,
  entry: Entry,
  { before, after }: { before: ConfState; after: ConfState },
): void {
  const expected = confStateKey(configurationAfter(before, entry));
  if (expected === confStateKey(after)) return;
  throw new Violation(
    'configuration-right',
    `Entry ${entry.index} leads member ${id} from ${confStateKey(before)} to ${confStateKey(after)}; it should lead to ${expected}.`,
  );
}

function configurationValid(id: NodeId, index: number, cs: ConfState): void {
  const voters = new Set([...cs.voters, ...cs.votersOutgoing]);
  const wrong = cs.learners.find((learner) => voters.has(learner));
  const early = cs.learnersNext.find((learner) => !cs.votersOutgoing.includes(learner));
  if (cs.voters.length > 0 && wrong === undefined && early === undefined) return;
  throw new Violation(
    'configuration-valid',
    `After entry ${index} member ${id} has the configuration ${confStateKey(cs)}.`,
  );
}

/** Any quorum of one configuration and any of the next have a member in common: by trying all of them. */
export function configurationOverlap(index: number, before: ConfState, after: ConfState): void {
  const ids = [...new Set([...before.voters, ...before.votersOutgoing, ...after.voters, ...after.votersOutgoing])];
  const all = 2 ** ids.length;
  const place = new Map(ids.map((id, i) => [id, i]));
  const isQuorum = (set: number, half: readonly NodeId[]): boolean => {
    const count = half.filter((id) => (set & (1 << (place.get(id) as number))) !== 0).length;
    return half.length === 0 || 2 * count > half.length;
  };
  const decides = (set: number, { voters, votersOutgoing }: ConfState): boolean =>
    isQuorum(set, voters) && isQuorum(set, votersOutgoing);
  for (let set = 0; set < all; set++) {
    // If the others decide too, two disjoint quorums exist.
    if (!decides(set, before) || !decides(all - 1 - set, after)) continue;
    const names = ids.filter((_, i) => (set & (1 << i)) !== 0);
    throw new Violation(
      'configuration-overlap',
      `Entry ${index} leads from ${confStateKey(before)} to ${confStateKey(after)}: ${names.join(', ')} decide in the first, and the others in the second.`,
    );
  }
}
