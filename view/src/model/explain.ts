import { MessageType } from '@raft-ts/proto';
import type { World } from '@raft-ts/sim/by-hand';
import type { Client } from './client.js';
import { clock, counted, listed, nameOf, nameOfId, namesOf } from './names.js';
import { type Cell, type Dot, type MemberPicture, pictureOf } from './picture.js';

/** Says in a few sentences what a member is doing, and why. */
export function explainMember(world: World, slot: number): string {
  const member = pictureOf(world, slot);
  const name = nameOf(slot);
  if (member.role === 'gone') return `${name} has lost its disk, and never comes back.`;
  if (member.role === 'down') {
    return `${name} is down. On its disk: term ${member.term}, and its log up to entry ${member.last}. Start it to let it take part again.`;
  }
  const outside = member.isOutside ? ' The leader does not count it among the members, and sends it nothing.' : '';
  const frozen = member.isFrozen
    ? `The process of ${name} is frozen: it does nothing, and its messages wait. Before that: `
    : '';
  return `${frozen}${doing(world, member)} ${logState(member)}${outside}`;
}

function doing(world: World, member: MemberPicture): string {
  const name = nameOf(member.slot);
  switch (member.role) {
    case 'leader':
      return `${name} leads in term ${member.term}. ${whomItHears(world, member.slot)}`;
    case 'candidate':
      return `${name} is a candidate in term ${member.term}: ${counted(member.granted, 'vote')} of ${member.voters}, ${member.refused} refused; it needs ${majority(member.voters)}.`;
    case 'pre-candidate':
      return `${name} hears no leader, and asks whether it would win term ${member.term + 1} before it opens it: ${member.granted} of ${member.voters} say yes; it needs ${majority(member.voters)}.`;
    default: {
      const vote = member.vote === 0n ? 'it has not voted in it' : `it voted for ${nameOfId(member.vote)}`;
      const kind = member.isLearner ? 'learns: it is sent the log, and has no vote' : 'follows';
      const whom = member.lead === 0n ? `${name} knows no leader` : `${name} ${kind}, led by ${nameOfId(member.lead)}`;
      return `${whom}, in term ${member.term} (${vote}). It campaigns after ${member.timeout} ticks without a leader; ${member.elapsed} have passed.`;
    }
  }
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function whomItHears(world: World, slot: number): string {
  const raft = world.members[slot]?.node?.raft;
  if (raft === undefined) return '';
  const { voters } = raft.trk.config;
  const behind = raft.trk.ordered.filter(({ id, match }) => id !== raft.id && match < raft.raftLog.lastIndex());
  const all =
    behind.length === 0
      ? 'All others hold its whole log'
      : `${listed(behind.map(({ id, match }) => `${nameOfId(id)} (up to ${match})`))} ${behind.length === 1 ? 'lacks' : 'lack'} some of its log`;
  const joint = voters.isJoint
    ? ` The configuration is joint: it needs a majority of ${listed(voters.incoming.ids.map(nameOfId))}, and one of ${listed(voters.outgoing.ids.map(nameOfId))}.`
    : '';
  return `${all}.${joint}`;
}

function logState({ last, commit, applied }: MemberPicture): string {
  const open = last - commit;
  return `Its log ends at ${last}; committed up to ${commit}${open > 0 ? `, ${open} not` : ''}; applied up to ${applied}.`;
}

/** Says what is between two members. */
export function explainLink(world: World, a: number, b: number): string {
  const there = world.network.isOpen(a, b);
  const back = world.network.isOpen(b, a);
  const names = `${nameOf(a)} and ${nameOf(b)}`;
  if (there && back) return `${names} reach each other.`;
  if (!there && !back) return `Nothing passes between ${names}: what is sent is lost, and the sender is not told.`;
  const [deaf, heard] = there ? [a, b] : [b, a];
  return `${nameOf(heard)} hears ${nameOf(deaf)}, but not the other way round: that direction is cut.`;
}

/** What each kind of message is for. */
const purposes: Partial<Record<MessageType, string>> = {
  [MessageType.MsgVote]:
    'A candidate asks for a vote; its own last entry comes with it, so that the receiver can compare.',
  [MessageType.MsgVoteResp]: 'The answer to a request for a vote.',
  [MessageType.MsgPreVote]: 'Would you vote for me? Nobody’s term changes by this question.',
  [MessageType.MsgPreVoteResp]: 'The answer to the question before an election.',
  [MessageType.MsgApp]:
    'The leader sends entries, and says which entry must stand before them, and how far it has committed.',
  [MessageType.MsgAppResp]: 'A follower says up to where its log is equal to the leader’s and on its disk.',
  [MessageType.MsgHeartbeat]: 'The leader shows that it is there, and how far the receiver may commit.',
  [MessageType.MsgHeartbeatResp]: 'The answer to a heartbeat: the leader counts whom it reaches.',
  [MessageType.MsgSnap]: 'The state of the leader in the place of entries that it no longer has.',
  [MessageType.MsgReadIndex]: 'A follower asks the leader from which index on a read would be current.',
  [MessageType.MsgReadIndexResp]: 'The leader has confirmed that it leads: the read may be served at this index.',
  [MessageType.MsgProp]: 'A write on its way to the leader.',
  [MessageType.MsgTimeoutNow]: 'The leader hands over: campaign at once.',
};

/** Says what a message is, what it carries, and what it is for. */
export function explainDot({ message: m, from, name, arrivesAt }: Dot, now: number): string {
  const last = m.entries.at(-1);
  const first = m.entries[0];
  const carries = [
    ...(m.term > 0 ? [`term ${m.term}`] : []),
    ...(first !== undefined && last !== undefined && m.type === MessageType.MsgApp
      ? [`entries ${first.index} to ${last.index}`]
      : []),
    ...(m.type === MessageType.MsgApp
      ? [`after entry ${m.index} of term ${m.logTerm}`, `committed up to ${m.commit}`]
      : []),
    ...(m.type === MessageType.MsgAppResp && !m.reject ? [`acknowledged up to ${m.index}`] : []),
    ...(m.reject ? ['refused'] : []),
  ];
  const when = arrivesAt > now ? `arrives in ${Math.ceil(arrivesAt - now)} ms` : 'waits for its receiver';
  return `${name} from ${nameOf(from)} to ${nameOfId(m.to)} (${carries.join(', ')}), ${when}. ${purposes[m.type] ?? ''}`.trim();
}

/** Says what an entry is, and what has become of it on this member. */
export function explainCell(world: World, client: Client, cell: Cell): string {
  const name = nameOf(cell.slot);
  if (cell.kind === 'compacted') {
    return `Entry ${cell.index} is no longer in the log of ${name}: a snapshot covers it. The state there: ${client.valueAt(cell.index)}.`;
  }
  const what = {
    empty: 'empty, written by a new leader',
    write: `the write ${cell.text}`,
    change: 'a change of the membership',
  }[cell.kind];
  const holders = world.members
    .filter(
      ({ node, disk }) =>
        (node === undefined ? disk.durable.term(cell.index) : node.raft.raftLog.termOrZero(cell.index)) === cell.term,
    )
    .map(({ slot }) => slot);
  const state = cell.isConflicting
    ? 'It conflicts with the log of the leader, or with what is committed, and will be replaced.'
    : cell.isApplied
      ? 'It is committed, and applied here: it will never change.'
      : cell.isCommitted
        ? 'It is committed, and not applied here yet.'
        : 'It is not committed, as far as this member knows: it may yet be replaced.';
  return `Entry ${cell.index} of ${name}, of term ${cell.term}: ${what}. Held by ${namesOf(holders)}. ${state}`;
}

/** Says what the whole cluster is doing, at the moment that is shown: for whoever points at nothing. */
export function explainCluster(world: World, burnt: number, now: number): string {
  const up = world.members.filter(({ isUp, isFrozen }) => isUp && !isFrozen).length;
  const all = world.members.filter(({ isGone }) => !isGone).length;
  const leaders = world.members.filter(({ node }) => node?.raft.state === 'StateLeader');
  const committed = world.rules.history.committed;
  const who =
    leaders.length === 0
      ? 'Nobody leads'
      : leaders.length === 1
        ? `${nameOf(leaders[0]?.slot ?? 0)} leads`
        : `${namesOf(leaders.map(({ slot }) => slot))} each believe that they lead, in different terms`;
  const vain = burnt === 0 ? '' : ` ${counted(burnt, 'term')} found no leader.`;
  return `At ${clock(now)}, ${up} of ${all} members run. ${who}. Committed: ${counted(committed, 'entry', 'entries')}.${vain}`;
}
