import { MessageType, RawNode } from '@raft-ts/raft';
import {
  index,
  message,
  newTestConfig,
  newTestMemoryStorage,
  type Overrides,
  snapshotOf,
  withPeers,
} from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';
import { removeMember } from '../rawnode/changes.js';

/** What a member is when the message comes. */
export type State =
  | 'new'
  | 'given a snapshot'
  | 'follower'
  | 'pre-candidate'
  | 'candidate'
  | 'leader'
  | 'removed candidate';

const from3 = message({ type: MessageType.MsgVoteResp, from: 3n, to: 1n, term: 4 });

/** Member 1 of three: term 3, entries of terms 1, 2, 3, the first of them committed and applied. */
export function memberOf(state: State, overrides: Overrides = {}): { rawNode: RawNode; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
  if (state === 'given a snapshot') {
    storage.applySnapshot(snapshotOf(9, 3, withPeers(1n, 2n, 3n)));
  } else if (state !== 'new') {
    storage.append(index(1).terms(1, 2, 3));
    storage.setHardState({ term: 3, vote: 0n, commit: 1 });
  }
  const rawNode = new RawNode({ ...newTestConfig(1n, storage, overrides), logger });
  const { raft } = rawNode;
  switch (state) {
    case 'new':
    case 'given a snapshot':
      break;
    case 'follower':
      raft.becomeFollower(3, 2n);
      break;
    case 'pre-candidate':
      raft.becomePreCandidate();
      break;
    case 'candidate':
      raft.becomeCandidate();
      break;
    case 'removed candidate':
      raft.becomeCandidate();
      raft.step(from3);
      rawNode.applyConfChange(removeMember(1n));
      break;
    case 'leader':
      raft.becomeCandidate();
      raft.becomeLeader();
      break;
  }
  logger.lines.length = 0;
  return { rawNode, logger };
}
