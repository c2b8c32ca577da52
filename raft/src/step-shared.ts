/** The rules that followers and candidates share: for a leader's messages, and for a proposal without a leader. */
import { emptySnapshot, type Message, MessageType, newMessage } from '@raft-ts/proto';
import { describePosition, LogSlice } from './log-slice.js';
import { restore } from './membership.js';
import { dropped, type StepOutcome } from './outcome.js';
import type { Raft } from './raft.js';

/** What a leader's messages touch of the member that receives them. */
export type ReplicaReach = Pick<Raft, 'id' | 'raftLog' | 'logger' | 'send'> & Parameters<typeof restore>[0];

/** AppendEntries: section 5.3 of the paper. */
export function handleAppendEntries(r: ReplicaReach, m: Message): void {
  const { raftLog } = r;
  const resp = newMessage(MessageType.MsgAppResp, m.from);
  if (m.index < raftLog.committed) {
    // Everything up to there is decided: answer so instead of looking at the entries again.
    resp.index = raftLog.committed;
    r.send(resp);
    return;
  }
  const last = raftLog.maybeAppend(LogSlice.fromAppend(m), m.commit);
  if (last !== undefined) {
    resp.index = last;
    r.send(resp);
    return;
  }
  if (r.logger.debugEnabled) {
    const own = describePosition({ term: raftLog.termOrZero(m.index), index: m.index });
    const asked = describePosition({ term: m.logTerm, index: m.index });
    r.logger.debug(`${r.id.toString(16)} ${own} rejected MsgApp ${asked} from ${m.from.toString(16)}`);
  }
  // The hint lets the leader skip whole terms: no entry of a higher term than the leader's own can match.
  const hint = raftLog.findConflictByTerm(Math.min(m.index, raftLog.lastIndex()), m.logTerm);
  resp.index = m.index;
  resp.reject = true;
  resp.rejectHint = hint.index;
  resp.logTerm = hint.term;
  r.send(resp);
}

export function handleHeartbeat(r: ReplicaReach, m: Message): void {
  r.raftLog.commitTo(m.commit);
  const resp = newMessage(MessageType.MsgHeartbeatResp, m.from);
  resp.context = m.context;
  r.send(resp);
}

/** InstallSnapshot: section 7 of the paper. */
export function handleSnapshot(r: ReplicaReach, m: Message): void {
  const snapshot = m.snapshot ?? emptySnapshot();
  const { index, term } = snapshot.metadata;
  const restored = restore(r, snapshot);
  r.logger.info(
    `${r.id.toString(16)} [commit: ${r.raftLog.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ${index}, term: ${term}]`,
  );
  const resp = newMessage(MessageType.MsgAppResp, m.from);
  resp.index = restored ? r.raftLog.lastIndex() : r.raftLog.committed;
  r.send(resp);
}

/** Drops a proposal because there is no leader. */
export function dropWithoutLeader(r: Pick<Raft, 'id' | 'term' | 'logger'>): StepOutcome {
  r.logger.info(`${r.id.toString(16)} no leader at term ${r.term}; dropping proposal`);
  return dropped('no-leader');
}
