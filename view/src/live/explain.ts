import { nameOf, nameOfId } from '../model/names.js';
import type { Choice } from '../page/choice.js';
import type { LiveCluster } from './cluster.js';

/** Says what is pointed at, as far as the members tell. */
export function explain(cluster: LiveCluster, choice: Choice | undefined): string {
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
  return `${running} of ${cluster.members.length} processes run. ${who}.`;
}

function explainMember(cluster: LiveCluster, slot: number): string {
  const member = cluster.members[slot];
  const name = nameOf(slot);
  if (member === undefined) return '';
  const process = cluster.processOf(slot);
  if (process === 'ended')
    return `${name} is down: its process has ended. Start it, and it goes on with what its disk holds.`;
  const paused = process === 'paused' ? `The process of ${name} stands still. What it told last: ` : '';
  const what =
    member.role === 'leader'
      ? `${name} leads`
      : `${name} is a ${member.role}${member.lead === 0n ? '' : `, led by ${nameOfId(member.lead)}`}`;
  return `${paused}${what}, in term ${member.term}. Its log ends at ${member.last}; committed up to ${member.commit}, applied up to ${member.applied}.`;
}

function explainLink(cluster: LiveCluster, a: number, b: number): string {
  const [there, back] = [cluster.isOpen(a, b), cluster.isOpen(b, a)];
  if (there && back) return `${nameOf(a)} and ${nameOf(b)} reach each other.`;
  if (!there && !back) return `Nothing passes between ${nameOf(a)} and ${nameOf(b)}.`;
  const [heard, deaf] = there ? [a, b] : [b, a];
  return `What ${nameOf(heard)} sends reaches ${nameOf(deaf)}, but not the other way round.`;
}
