import { ConfChangeType, type Entry, MessageType } from '@raft-ts/proto';
import { decodeConfChangeEntry, isConfChangeEntry } from '@raft-ts/raft';
import { isV2 } from '@raft-ts/raft/internal';
import type { Event } from '../cluster/event.js';
import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Coverage } from './coverage.js';
import { leaders, type Sight } from './sight.js';

/** What an event has changed of a member that was up before and is up now. */
interface Turn {
  readonly world: World;
  readonly member: Member;
  readonly before: Sight;
  readonly after: Sight;
  readonly what: Event;
}

/** Marks of what has changed. */
export function changes(c: Coverage, turn: Turn): void {
  const { before, after } = turn;
  if (before.role !== after.role || before.term !== after.term) roles(c, turn);
  if (after.commit > before.commit && after.role === 'StateLeader') commits(c, turn);
  if (after.role === 'StateLeader') leads(c, turn);
  if (before.reads > 0 && after.reads === 0 && after.role !== 'StateLeader') c.hit('reads are lost with their leader');
  const { writing, applying } = turn.member;
  if (writing.length > 1) {
    c.hit('two writes are under way at the same time');
    c.when(writing.length >= 10, 'ten writes are under way at the same time');
  }
  c.when(applying.length > 0 && after.commit - turn.member.applied >= 10, 'applying lags ten entries behind');
}

function roles(c: Coverage, turn: Turn): void {
  const { before, after, what, world } = turn;
  const m = what.message;
  switch (`${before.role} ${after.role}`) {
    case 'StateFollower StatePreCandidate':
      c.hit('a follower asks whether it could win');
      break;
    case 'StateFollower StateCandidate':
      c.hit('a follower campaigns without asking first');
      break;
    case 'StatePreCandidate StateCandidate':
      c.hit('a pre-candidate finds that it could win, and campaigns');
      break;
    case 'StatePreCandidate StateFollower':
      if (m !== undefined && isFromLeader(m.type))
        c.when(after.term === before.term, 'a pre-candidate hears from a leader of its term');
      else
        c.when(
          m?.type === MessageType.MsgPreVoteResp,
          'a pre-candidate gives up, because others would not vote for it',
        );
      break;
    case 'StateCandidate StateCandidate':
      c.hit('a candidate campaigns again in a higher term');
      break;
    case 'StateCandidate StateFollower':
      if (after.term > before.term) c.hit('a candidate of a lower term gives up');
      else if (m !== undefined && isFromLeader(m.type)) c.hit('a candidate hears from the leader of its term');
      else c.hit('a candidate loses by votes alone');
      break;
    case 'StateLeader StateFollower':
      if (after.term > before.term) c.hit('a leader hears of a higher term');
      else c.hit('a leader steps down, because no majority answers');
      c.when(before.isJoint, 'a joint configuration outlives its leader');
      c.when(after.last > after.commit, 'an entry is lost that a leader had appended');
      break;
    default:
  }
  if (after.role === 'StateLeader' && before.role !== 'StateLeader') elected(c, turn);
  const isCampaign = after.role === 'StateCandidate' || after.role === 'StatePreCandidate';
  const voters = world.rules.history.configurations.at(-1)?.confState.voters;
  c.when(
    isCampaign && before.role === 'StateFollower' && voters?.includes(turn.member.id) === false,
    'a member that was removed campaigns',
  );
  if (leaders(world).length > 0) return;
  c.when(
    world.members.every(({ isUp, isGone }) => isUp || isGone),
    'nobody leads, and all members are up',
  );
  c.when(after.term >= c.ledTerm + 5, 'five terms pass without a leader');
}

function isFromLeader(type: MessageType): boolean {
  return type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
}

function elected(c: Coverage, { world, member, before, after }: Turn): void {
  const raft = member.node?.raft;
  if (raft === undefined) return;
  const { voters, learners } = raft.trk.config;
  const others = voters.ids().filter((id) => id !== member.id);
  const of = (id: bigint): Member | undefined => world.members[Number(id) - 1];
  c.hit('a leader is elected');
  c.when(after.isJoint, 'a leader is elected in a joint configuration');
  const old = voters.outgoing.ids;
  const oldUp = old.filter((id) => of(id)?.isUp === true).length;
  c.when(
    after.isJoint && 2 * (old.length - oldUp) >= old.length,
    'a leader is elected with a majority of the old half down',
  );
  c.when(learners.length > 0, 'a leader is elected with learners in the configuration');
  c.when(others.length === 0, 'a leader is elected alone, as the only voter');
  c.when(!after.isJoint && voters.incoming.size % 2 === 0, 'a leader is elected by an even number of voters');
  c.when(
    others.some((id) => of(id)?.isUp !== true),
    'a leader is elected while another voter is down',
  );
  c.when(
    others.some((id) => of(id)?.isFrozen === true),
    'a leader is elected while another voter is frozen',
  );
  const leading = leaders(world).length;
  c.when(leading > 1, 'a leader is elected while somebody leads a lower term');
  c.when(leading > 1, 'two members lead at the same time');
  c.when(leading > 2, 'three members lead at the same time');
  c.when(before.last > before.commit, 'a leader is elected with entries of earlier terms that are not committed');
  c.when(before.commit > before.applied, 'a leader is elected with committed entries that it has not applied');
  c.when(
    world.members.some(
      (one) => one !== member && one.log.last > before.last && one.log.term(one.log.last) < before.lastTerm,
    ),
    'a leader is elected with a log that nobody else exceeds in terms, but somebody in length',
  );
  c.when(c.ledTerm > 0 && after.term >= c.ledTerm + 5, 'a leader is elected five terms or more after its last one');
  c.when(c.ledBy === member.slot && before.term > 0, 'a leader is elected again right after itself');
  c.when(member.life > 0, 'a leader is elected that has crashed before');
  c.when(member.rate > 1, 'a member with a fast clock is elected');
  c.when(member.rate < 1, 'a member with a slow clock leads');
  c.ledTerm = after.term;
  c.ledBy = member.slot;
}

function commits(c: Coverage, { member, before, after, what }: Turn): void {
  const raftLog = member.node?.raft.raftLog;
  if (raftLog === undefined) return;
  if (what.message?.type === MessageType.MsgAppResp) {
    c.hit('an acknowledgement commits an entry');
    c.when(after.commit - before.commit >= 10, 'an acknowledgement commits ten entries at once');
    c.when(after.isJoint, 'an acknowledgement commits in a joint configuration');
    c.when(
      raftLog.termOrZero(before.commit + 1) < after.term,
      'an acknowledgement commits entries of an earlier term with one of the own',
    );
  }
  c.when(raftLog.termOrZero(before.commit + 1) < after.term, 'an entry is committed in a later term than its own');
  c.when(after.commit >= after.offset, 'a leader commits before it has written the entry itself');
}

function leads(c: Coverage, { member, before, after, what }: Turn): void {
  const { disk } = member;
  c.when(!after.isMember, 'a leader leads on outside its configuration');
  c.when(disk.writeMs > 100, 'a leader is slower at writing than its followers');
  c.when(after.reads > 0, 'a read waits for a quorum');
  c.when(after.reads > 1, 'several reads wait for the same round');
  c.when(after.reads > 0 && after.isJoint, 'a read waits in a joint configuration');
  c.when(after.earlyReads > 0, 'a read waits for the first commit of the term');
  c.when(after.last - after.commit > 0 && what.kind === 'action', 'a leader holds entries that nobody else has');
  c.when(before.transferee !== 0n && after.transferee === 0n && before.term === after.term, 'a transfer is given up');
  c.when(before.isMember && !after.isMember, 'a leader is removed');
  c.when(!before.isLearner && after.isLearner, 'a leader is demoted');
}

/** Marks of an entry that a member has applied. */
export function applies(c: Coverage, member: Member, entry: Entry): void {
  const raft = member.node?.raft;
  if (raft === undefined) return;
  if (!isConfChangeEntry(entry)) return;
  const change = decodeConfChangeEntry(entry);
  const steps = isV2(change) ? change.changes : [change];
  const { config } = raft.trk;
  const before = c.before(member);
  if (steps.length === 0) c.hit('a joint configuration is left on request');
  c.when(steps.length > 1, 'several changes are made at once');
  c.when(config.voters.isJoint && !before.isJoint, 'a joint configuration is entered');
  c.when(
    !config.voters.isJoint && before.isJoint && entry.data === undefined,
    'a joint configuration is left by itself',
  );
  c.when(config.voters.ids().length === 1, 'one voter is left');
  c.when(config.voters.ids().length >= 7, 'seven voters or more');
  for (const { type, nodeId } of steps) {
    const isSelf = nodeId === member.id;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        if (isSelf && before.isLearner) c.hit('a learner is promoted');
        else c.hit('a voter is added');
        break;
      case ConfChangeType.ConfChangeAddLearnerNode:
        if (isSelf && before.isVoter) c.hit('a voter is demoted');
        else c.hit('a learner is added');
        break;
      case ConfChangeType.ConfChangeRemoveNode:
        c.hit('a voter is removed');
        break;
      default:
    }
  }
}
