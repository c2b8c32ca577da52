import { type ConfState, type NodeId, printableLine, RaftError } from '@raft-ts/proto';
import { ERR_CONF_STATE } from '../errors.js';

/** Most characters of each state in an error. */
const SHOWN_TEXT = 4096;

const lists = ['voters', 'learners', 'votersOutgoing', 'learnersNext'] as const;

function ascending(ids: readonly NodeId[]): NodeId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

function describe(cs: ConfState): string {
  return [...lists.map((list) => `${list}=[${ascending(cs[list]).join(' ')}]`), `autoLeave=${cs.autoLeave}`].join(' ');
}

/**
 * Checks that two configuration states say the same, whatever the order of their lists.
 * @throws ERR_RAFT_CONF_STATE if they do not, or one is missing
 */
export function checkConfStatesEquivalent(left: ConfState | undefined, right: ConfState | undefined): void {
  if (left === undefined || right === undefined) {
    throw new RaftError(
      ERR_CONF_STATE,
      `cannot compare ConfState: nil input (left=${left === undefined}, right=${right === undefined})`,
    );
  }
  const [a, b] = [describe(left), describe(right)];
  if (a !== b)
    throw new RaftError(
      ERR_CONF_STATE,
      `ConfStates not equivalent after sorting:\n${printableLine(a, SHOWN_TEXT)}\n${printableLine(b, SHOWN_TEXT)}`,
    );
}
