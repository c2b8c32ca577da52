import { counted, nameOf, nameOfId, sentence } from '../model/names.js';
import type { Dot, MemberPicture } from '../model/picture.js';
import type { LiveCluster } from '../model/running.js';
import type { Choice } from '../page/choice.js';
import type { About } from './acts.js';

/** Says what is pointed at, as far as the members tell. */
export function explain(cluster: LiveCluster, choice: About | Choice | undefined): string {
  if (choice?.kind === 'sent') return explainMessage(choice.dot);
  if (choice?.kind === 'member') return explainMember(cluster, choice.slot);
  if (choice?.kind === 'link') return explainLink(cluster, choice.from, choice.to);
  if (choice?.kind === 'entry') {
    const member = cluster.members[choice.slot];
    const cell = member === undefined ? undefined : cluster.cells(member, choice.index, choice.index)[0];
    if (cell === undefined) return 'There is no entry.';
    if (cell.kind === 'compacted')
      return `Entry ${cell.index} is in a snapshot, or further back than ${nameOf(cell.slot)} tells.`;
    const state = cell.isConflicting
      ? 'conflicts with the leader'
      : cell.isApplied
        ? 'is committed and applied'
        : cell.isCommitted
          ? 'is committed'
          : 'is not committed';
    return `Entry ${cell.index} of ${nameOf(cell.slot)}, of term ${cell.term}, ${state}.`;
  }
  const leaders = cluster.members
    .filter(({ role, isFrozen }) => role === 'leader' && !isFrozen)
    .map(({ slot }) => nameOf(slot));
  const running = cluster.members.filter(({ slot }) => cluster.processOf(slot) === 'running').length;
  const who =
    leaders.length === 0
      ? 'Nobody leads'
      : `${leaders.join(' and ')} ${leaders.length === 1 ? 'leads' : 'believe that they lead'}`;
  const late = cluster.late === '' ? '' : ` ${sentence(cluster.late)}`;
  return `${running} of ${cluster.members.length} processes run. ${who}.${late}`;
}

function explainMember(cluster: LiveCluster, slot: number): string {
  const member = cluster.members[slot];
  const name = nameOf(slot);
  if (member === undefined) return '';
  const process = cluster.processOf(slot);
  if (process === 'ended')
    return `${name} is down: its process has ended. Start it, and it goes on with what its disk holds.`;
  const paused = process === 'paused' ? `The process of ${name} stands still. What it told last: ` : '';
  return `${paused}${doing(member)} Its log ends at ${member.last}; committed up to ${member.commit}, applied up to ${member.applied}.`;
}

function doing(member: MemberPicture): string {
  const { slot, role, term, lead, elapsed, timeout, granted, refused, voters, vote } = member;
  const name = nameOf(slot);
  if (role === 'leader') return `${name} leads in term ${term}.`;
  if (role !== 'follower') {
    const asks = role === 'candidate' ? 'asks for votes' : 'asks whether it would win an election';
    return `${name} ${asks}, in term ${term}: ${granted} of ${voters} say yes, ${refused} no.`;
  }
  const whom = lead === 0n ? 'knows no leader' : `follows ${nameOfId(lead)}`;
  const voted = vote === 0n ? 'has not voted in it' : `voted for ${nameOfId(vote)} in it`;
  return `${name} ${whom}, in term ${term}, and ${voted}. It campaigns after ${timeout} ticks without a leader; ${elapsed} have passed.`;
}

function explainMessage({ name, from, to, message, isRefusal }: Dot): string {
  const { term, entries } = message;
  const what = entries.length === 0 ? '' : ` with ${counted(entries.length, 'entry', 'entries')}`;
  const no = isRefusal ? ' It refuses.' : '';
  return `${name}${what}, from ${nameOf(from)} to ${nameOf(to)}, in term ${term}.${no} It is drawn slower than it travels, and has arrived: what you can lose or delay is the next one of its kind.`;
}

/** What is chosen, in a few words. */
export function titleOf(about: About): string {
  switch (about.kind) {
    case 'member':
      return `Member ${nameOf(about.slot)}`;
    case 'link':
      return `Link ${nameOf(about.from)} and ${nameOf(about.to)}`;
    case 'entry':
      return 'An entry';
    case 'sent':
      return `${about.dot.name}, ${nameOf(about.dot.from)} → ${nameOf(about.dot.to)}`;
  }
}

function explainLink(cluster: LiveCluster, a: number, b: number): string {
  const [there, back] = [cluster.isOpen(a, b), cluster.isOpen(b, a)];
  const late = [[a, b] as const, [b, a] as const]
    .filter(([from, to]) => cluster.isOpen(from, to) && cluster.delayOf(from, to) > 0)
    .map(([from, to]) => ` What ${nameOf(from)} sends arrives ${cluster.delayOf(from, to)} ms later.`)
    .join('');
  if (there && back) return `${nameOf(a)} and ${nameOf(b)} reach each other.${late}`;
  if (!there && !back) return `Nothing passes between ${nameOf(a)} and ${nameOf(b)}.`;
  const [heard, deaf] = there ? [a, b] : [b, a];
  return `What ${nameOf(heard)} sends reaches ${nameOf(deaf)}, but not the other way round.${late}`;
}
