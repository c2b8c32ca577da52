import { type Entry, type Message, MessageType } from '@raft-ts/proto';
import { isConfChangeEntry, type RawNode } from '@raft-ts/raft';
import { confStateKey } from '../base/records.js';
import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Coverage } from './coverage.js';

type Raft = RawNode['raft'];

/** A message that is about to be stepped. */
interface Arrival {
  readonly world: World;
  readonly to: Member;
  readonly sender: Member;
  readonly m: Message;
  readonly raft: Raft;
}

/** Marks of a message that arrives, by its kind. */
export function arrives(c: Coverage, at: Arrival): void {
  const { m, raft } = at;
  switch (m.type) {
    case MessageType.MsgApp:
      if (m.term < raft.term) c.hit('an append of a deposed leader comes');
      else append(c, at);
      return;
    case MessageType.MsgAppResp:
      acknowledgement(c, at);
      return;
    case MessageType.MsgHeartbeat:
      c.when(m.term === raft.term && m.commit > raft.raftLog.committed, 'a heartbeat raises the commit index');
      c.when((m.context?.length ?? 0) > 0, 'a heartbeat carries a read');
      c.when(
        m.term < raft.term && (raft.checkQuorum || raft.preVote),
        'a heartbeat of a lower term is answered, so that its sender learns',
      );
      return;
    case MessageType.MsgHeartbeatResp:
      if (raft.state !== 'StateLeader' || m.term !== raft.term) return;
      c.when((m.context?.length ?? 0) > 0, 'an answer to a heartbeat confirms a read');
      c.when(raft.trk.progress.get(m.from)?.msgAppFlowPaused === true, 'an answer to a heartbeat starts a probe again');
      return;
    case MessageType.MsgSnap:
      snapshot(c, at);
      return;
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      if (m.term > raft.term && hasLease(raft)) {
        const isTransfer = (m.context?.length ?? 0) > 0;
        if (isTransfer) c.hit('a vote request of a transfer is heard, in spite of the lease');
        else c.hit('a vote request is ignored, because a leader is heard from');
      }
      c.when(m.type === MessageType.MsgPreVote && m.term < raft.term, 'a pre-vote of a lower term is answered');
      return;
    case MessageType.MsgPreVoteResp:
      c.when(m.reject && m.term > raft.term, 'a refusal brings a higher term');
      return;
    case MessageType.MsgVoteResp:
      c.when(raft.state === 'StateLeader' && m.term === raft.term, 'a vote comes after the election is decided');
      return;
    case MessageType.MsgTimeoutNow:
      if (m.term < raft.term) c.hit('a member is told to campaign by a leader of an older term');
      else c.hit('a member is told to campaign at once');
      return;
    case MessageType.MsgProp:
      c.when(raft.state !== 'StateLeader', 'a forwarded proposal comes to a member that leads no more');
      return;
    default:
  }
}

function hasLease({ checkQuorum, lead, electionElapsed, electionTimeout }: Raft): boolean {
  return checkQuorum && lead !== 0n && electionElapsed < electionTimeout;
}

function append(c: Coverage, { m, raft, to }: Arrival): void {
  const { entries, index } = m;
  const { raftLog } = raft;
  const last = raftLog.lastIndex();
  const end = index + entries.length;
  c.when(entries.length === 0, 'an append without entries comes');
  c.when(entries.length > 10, 'an append of more than ten entries comes');
  c.when(entries.length > 1 && entries[0]?.term !== entries.at(-1)?.term, 'an append of several terms comes');
  c.when(m.commit > end, 'an append knows of a commit beyond its entries');
  c.when(raftLog.unstable.snapshot !== undefined, 'an append comes to a member that waits for a snapshot to be stored');
  c.when(!raft.trk.progress.has(to.id), 'an append comes to a member outside its configuration');
  c.when(raft.isLearner, 'an append comes to a learner');
  c.when(entries.some(isConfChangeEntry), 'an append brings a membership change');
  if (index < raftLog.committed) {
    c.hit('an append begins before the commit index');
    return;
  }
  if (index > last) {
    c.hit('an append is refused, because the log is too short');
    return;
  }
  if (!raftLog.matchTerm({ index, term: m.logTerm })) {
    c.hit('an append is refused, because the terms differ');
    return;
  }
  const conflict = entries.find((entry) => entry.index <= last && !raftLog.matchTerm(entry));
  if (conflict !== undefined) replaces(c, { raft, to, conflict, last, entries });
  else if (entries.length > 0) {
    c.when(end <= last, 'an append brings what the log holds already');
    c.when(index < last && end > last, 'an append overlaps the log, and goes on beyond it');
  }
}

/** Entries of the log are about to be replaced. */
function replaces(
  c: Coverage,
  {
    raft,
    to,
    conflict,
    last,
    entries,
  }: { raft: Raft; to: Member; conflict: Entry; last: number; entries: readonly Entry[] },
): void {
  const { unstable } = raft.raftLog;
  c.hit('an append replaces entries');
  c.when(last - conflict.index >= 10, 'an append replaces more than ten entries');
  c.when(conflict.index === unstable.offset, 'an append replaces entries from the border of what is stable');
  c.when(conflict.index < unstable.offset, 'an append replaces entries that are stable');
  c.when(
    conflict.index >= unstable.offset && conflict.index < unstable.offsetInProgress,
    'an append replaces entries that are being written',
  );
  c.when(
    to.log.changes.some((index) => index >= conflict.index),
    'a membership change is lost before it is committed',
  );
  const isOpen = ({ type, index, logTerm }: Message): boolean =>
    type === MessageType.MsgStorageAppendResp &&
    index >= conflict.index &&
    entries.some((entry) => entry.index === index && entry.term === logTerm);
  c.when(
    to.answers.some(isOpen) || to.writing.some(({ responses }) => responses.some(isOpen)),
    'an entry of the same index and term is written again after another one was in its place',
  );
}

function acknowledgement(c: Coverage, { m, raft }: Arrival): void {
  if (m.term < raft.term) {
    c.hit('an acknowledgement of an earlier term comes');
    return;
  }
  if (raft.state !== 'StateLeader' || m.term !== raft.term) return;
  const pr = raft.trk.progress.get(m.from);
  if (pr === undefined) {
    c.hit('an acknowledgement of a member that was removed comes');
    return;
  }
  c.when(pr.isLearner, 'an acknowledgement of a learner comes');
  if (m.reject) {
    const isStale = pr.state === 'StateReplicate' ? m.index <= pr.match : pr.next - 1 !== m.index;
    c.when(isStale, 'a refusal comes that is stale');
    c.when(!isStale && pr.state === 'StateReplicate', 'a refusal comes to a leader that sends ahead');
    c.when(!isStale && m.rejectHint + 1 < m.index, 'a refusal makes the leader skip more than one entry');
    return;
  }
  c.when(m.index <= pr.match, 'an acknowledgement comes that tells nothing new');
  c.when(m.index > pr.match && pr.state === 'StateProbe', 'a follower becomes one that is sent ahead to');
}

function snapshot(c: Coverage, { m, raft, to }: Arrival): void {
  const { metadata } = m.snapshot as NonNullable<Message['snapshot']>;
  const { raftLog } = raft;
  if (m.term < raft.term) {
    c.hit('a snapshot of a deposed leader arrives');
    return;
  }
  if (metadata.index <= raftLog.committed) {
    c.hit('a snapshot arrives that is older than the commit index');
    return;
  }
  if (raftLog.matchTerm(metadata)) {
    c.hit('a snapshot arrives whose last entry the log holds');
    return;
  }
  c.when(raft.areChangesInHand(), 'a snapshot arrives while membership changes are in hand');
  c.hit('a snapshot arrives and takes the place of the log');
  c.when(
    raftLog.lastIndex() > raftLog.committed,
    'a snapshot arrives, and the log is discarded with entries that were not committed',
  );
  c.when(to.writing.length > 0 || to.isBusy, 'a snapshot arrives while entries are being written');
  c.when(to.applying.length > 0, 'a snapshot arrives while entries are being applied');
  const isOther = confStateKey(metadata.confState) !== confStateKey(raft.trk.config.confState());
  c.when(isOther, 'a snapshot arrives that brings another membership');
  c.when(isOther && raft.trk.progress.size > 0, 'a member learns of a change only by a snapshot');
}

/** A message that leaves. */
interface Departure {
  readonly world: World;
  readonly member: Member;
  readonly m: Message;
  readonly isUnderWay: boolean;
}

/** Marks of a message that leaves, by its kind. */
export function sends(c: Coverage, { world, member, m, isUnderWay }: Departure): void {
  const raft = member.node?.raft;
  c.when(!isUnderWay, 'a message is lost');
  switch (m.type) {
    case MessageType.MsgSnap: {
      c.hit('a snapshot is sent');
      c.when(!isUnderWay, 'a snapshot is lost on its way');
      const { confState } = (m.snapshot as NonNullable<Message['snapshot']>).metadata;
      const isNamed = [...confState.voters, ...confState.learners, ...confState.votersOutgoing].includes(m.to);
      c.when(!isNamed, 'a snapshot is sent that does not name its receiver');
      c.when(raft?.trk.progress.get(m.to)?.match === 0, 'a snapshot is sent to a member that has just joined');
      return;
    }
    case MessageType.MsgVoteResp:
      if (!m.reject) granted(c, member, m);
      else if (raft !== undefined)
        c.when(
          raft.vote !== 0n && raft.vote !== m.to && raft.term === m.term,
          'a vote is refused, because it was given to another',
        );
      return;
    case MessageType.MsgPreVoteResp:
      if (m.reject) c.hit('a pre-vote is refused');
      else c.hit('a pre-vote is granted');
      return;
    case MessageType.MsgVote:
      refusalAhead(c, world, m);
      return;
    case MessageType.MsgReadIndexResp:
      c.hit('a read is answered to a member that asked its leader');
      return;
    case MessageType.MsgApp:
      c.when(raft?.trk.progress.get(m.to)?.state === 'StateProbe', 'a follower is probed');
      c.when(raft?.trk.progress.get(m.to)?.inflights.full() === true, 'a window is full');
      c.when((raft?.raftLog.lastIndex() ?? 0) - m.index > 100, 'a follower is more than a hundred entries behind');
      return;
    default:
  }
}

function granted(c: Coverage, member: Member, m: Message): void {
  const raft = member.node?.raft;
  c.hit('a vote is granted');
  c.when(raft?.isLearner === true, 'a vote is granted by a learner');
  c.when(
    raft !== undefined && !raft.trk.progress.has(member.id),
    'a vote is granted by a member outside its configuration',
  );
  c.when(c.votedIn(member) === m.term, 'a vote is granted a second time to the same candidate');
  c.voted(member, m.term);
}

/** A candidate asks: some of those it asks have a longer or a newer log. */
function refusalAhead(c: Coverage, { members }: World, m: Message): void {
  const voter = members[Number(m.to) - 1]?.node?.raft.raftLog.lastEntryId();
  if (voter === undefined) return;
  c.when(voter.term === m.logTerm && voter.index > m.index, 'a vote is refused to a log that is shorter');
  c.when(voter.term > m.logTerm, 'a vote is refused to a log of an older term');
}
