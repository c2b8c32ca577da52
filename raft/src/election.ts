import { type Message, MessageType, messageName, type NodeId, newMessage } from '@raft-ts/proto';
import { isConfChangeEntry } from './confchange/conf-change.js';
import { RaftPanic } from './errors.js';
import type { Raft } from './raft.js';
import type { Tally } from './tracker/tracker.js';

/** Why a member campaigns, which decides how. */
export type CampaignType = 'CampaignPreElection' | 'CampaignElection' | 'CampaignTransfer';

/** The context of a MsgVote that belongs to a leadership transfer: it is granted in spite of the leader's lease. */
export const TRANSFER_CONTEXT: Uint8Array = new TextEncoder().encode('CampaignTransfer');

/** Does this vote request belong to a leadership transfer? */
export function isTransferVote(m: Message): boolean {
  const { context } = m;
  return context?.length === TRANSFER_CONTEXT.length && context.every((byte, i) => byte === TRANSFER_CONTEXT[i]);
}

type Reach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'state'
  | 'raftLog'
  | 'trk'
  | 'logger'
  | 'send'
  | 'promotable'
  | 'becomePreCandidate'
  | 'becomeCandidate'
>;

/** A timer fired, the application asks, or the leader hands over: starts an election unless something forbids it. */
export function hup(r: Reach, type: CampaignType): void {
  const self = r.id.toString(16);
  if (r.state === 'StateLeader') {
    if (r.logger.debugEnabled) r.logger.debug(`${self} ignoring MsgHup because already leader`);
    return;
  }
  if (!r.promotable()) {
    r.logger.warn(`${self} is unpromotable and can not campaign`);
    return;
  }
  if (hasUnappliedConfChanges(r)) {
    // Until it is applied this member would count votes by a configuration that may no longer be in force.
    r.logger.warn(
      `${self} cannot campaign at term ${r.term} since there are still pending configuration changes to apply`,
    );
    return;
  }
  r.logger.info(`${self} is starting a new election at term ${r.term}`);
  campaign(r, type);
}

function hasUnappliedConfChanges({ raftLog }: Pick<Raft, 'raftLog'>): boolean {
  if (raftLog.applied >= raftLog.committed) return false;
  const lo = raftLog.applied + 1;
  const hi = raftLog.committed + 1;
  const found = raftLog.scan(lo, hi, raftLog.maxApplyingEntsSize, (page) => page.some(isConfChangeEntry));
  if (typeof found === 'string') {
    throw new RaftPanic('storage-lost-entries', `error scanning unapplied entries [${lo}, ${hi}): ${found}`);
  }
  return found;
}

/** Becomes a (pre-)candidate and asks every voter, itself included. */
export function campaign(r: Reach, type: CampaignType): void {
  const self = r.id.toString(16);
  if (!r.promotable()) {
    // A pre-candidate that wins can have been removed meanwhile.
    r.logger.warn(`${self} is unpromotable; campaign() should have been called`);
  }
  const pre = type === 'CampaignPreElection';
  if (pre) r.becomePreCandidate();
  else r.becomeCandidate();
  const request = pre ? MessageType.MsgPreVote : MessageType.MsgVote;
  // A pre-candidate asks about the term that it has not entered yet.
  const term = pre ? r.term + 1 : r.term;
  const last = r.raftLog.lastEntryId();
  for (const id of r.trk.voterNodes()) {
    if (id === r.id) {
      // Its own vote counts once it is on stable storage, as everybody's does.
      const own = newMessage(voteRespType(request), id);
      own.term = term;
      r.send(own);
      continue;
    }
    r.logger.info(
      `${self} [logterm: ${last.term}, index: ${last.index}] sent ${messageName(request)} request to ${id.toString(16)} at term ${r.term}`,
    );
    const m = newMessage(request, id);
    m.term = term;
    m.index = last.index;
    m.logTerm = last.term;
    if (type === 'CampaignTransfer') m.context = TRANSFER_CONTEXT;
    r.send(m);
  }
}

/** The answer that belongs to a vote request. */
export function voteRespType(request: MessageType): MessageType {
  if (request === MessageType.MsgVote) return MessageType.MsgVoteResp;
  if (request === MessageType.MsgPreVote) return MessageType.MsgPreVoteResp;
  throw new RaftPanic('invariant', `not a vote message: ${messageName(request)}`);
}

/** Counts a vote. */
export function poll(
  r: Pick<Raft, 'id' | 'term' | 'trk' | 'logger'>,
  vote: { from: NodeId; type: MessageType; granted: boolean },
): Tally {
  const what = vote.granted ? messageName(vote.type) : `${messageName(vote.type)} rejection`;
  r.logger.info(`${r.id.toString(16)} received ${what} from ${vote.from.toString(16)} at term ${r.term}`);
  r.trk.recordVote(vote.from, vote.granted);
  return r.trk.tallyVotes();
}
