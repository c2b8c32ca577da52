import type { NodeId, RawNode } from '@raft-ts/raft';
import { describe } from '../base/errors.js';
import { counted } from '../base/text.js';
import type { Waited } from '../drive/patience.js';
import type { LeaseObstacle } from '../lead/lease.js';
import type { SnapshotFailures, SnapshotSent } from './contacts.js';
import { describeDivergence } from './divergence.js';
import type { ExplainSource, Explanation, ExplanationCode, Question } from './explanation.js';
import { describeApart } from './founders.js';

/** Answers what an operator asks. */
export function explain(source: ExplainSource, question: Question): Explanation {
  if (source.ended) return say('stopped', `Member ${source.id} does not run any more, so it takes part in nothing.`);
  if (question.index !== undefined) return explainIndex(source, question.index);
  if (question.member !== undefined) return explainMember(source, question.member);
  if (question.lease === true) return explainLease(source);
  if (question.features === true) return explainFeatures(source);
  return question.read === true ? explainRead(source) : explainLeader(source);
}

function say(code: ExplanationCode, text: string): Explanation {
  return { code, text };
}

function explainFeatures({ features: { level, open, missing }, raw }: ExplainSource): Explanation {
  if (level === 0) return say('no-features', 'There are no features here that all members must understand.');
  if (open >= level) {
    return say('features-open', `Features are open up to level ${open}; members that do not show it are refused.`);
  }
  const start = `Features of level ${level} are not open, and level ${open} is`;
  if (missing.length === 0) {
    const leader = raw.basicStatus().softState.lead;
    const who = leader === 0n ? 'no leader is known' : `member ${leader}, which leads, has to commit that they are`;
    return say('features-opening', `${start}: every member shows them, and ${who}.`);
  }
  const them = missing.length === 1 ? `${list(missing)} does` : `${list(missing)} do`;
  return say(
    'features-missing',
    `${start}, because ${them} not show them: they are not connected, or run another implementation or an older version. Start this version in their place, or remove them.`,
  );
}

function explainLeader(source: ExplainSource): Explanation {
  const { id, raw, group } = source;
  const { softState, hardState } = raw.basicStatus();
  const { lead, raftState } = softState;
  const { term } = hardState;
  if (source.divergence !== undefined) return say('diverged', sentence(describeDivergence(id, source.divergence)));
  if (lead !== 0n && source.stuck !== undefined) return explainStuck(source, source.stuck);
  if (raftState === 'StateLeader') return say('leading', `Member ${id} leads in term ${term}.`);
  if (lead !== 0n) return say('following', `Member ${lead} leads in term ${term}, and member ${id} follows it.`);
  if (group.removed.has(id)) {
    return say('removed', `Member ${id} was removed from the cluster, whose leader does not speak to it any more.`);
  }
  const { voters, learners } = membership(raw);
  if (voters.length === 0) {
    return say(
      'not-a-member',
      `Member ${id} knows of no cluster yet: it waits until a running one adds it and contacts it. Was addMember called with its address?`,
    );
  }
  if (!voters.includes(id)) {
    const what = learners.includes(id) ? 'is a learner, which has no vote' : 'is not in the configuration';
    return say(
      'learner-without-leader',
      `Member ${id} ${what}, and hears of no leader. The voters are ${list(voters)}; ${describeSilence(source, voters)}.`,
    );
  }
  const apart = voters.filter((voter) => source.contacts.foundersOf(voter) !== undefined);
  if (voters.length - apart.length < quorumOf(voters)) return explainFounders(source, apart[0] as NodeId);
  return raftState === 'StateFollower' ? explainWaiting(source, voters) : explainCampaign(source, voters, term);
}

function explainStuck({ id, tickMs }: ExplainSource, { what, index, ticks }: Waited): Explanation {
  return say(
    'apply-stuck',
    `${what}() of the state machine of member ${id} has not come back for ${seconds(ticks * tickMs)}, at index ${index}: nothing is applied or read on this member until its promise settles.`,
  );
}

/** Says why nothing passes between this member and that one. */
function explainFounders({ id, founders = [], contacts }: ExplainSource, member: NodeId): Explanation {
  return say('other-founders', sentence(describeApart(id, founders, member, contacts.foundersOf(member) ?? [])));
}

function explainWaiting(source: ExplainSource, voters: readonly NodeId[]): Explanation {
  const { raft } = source.raw;
  const left = Math.max(0, raft.randomizedElectionTimeout - raft.electionElapsed);
  return say(
    'waiting-for-timeout',
    `Member ${source.id} hears of no leader and will ask for votes in ${counted(left, 'tick')} at most; ${describeSilence(source, voters)}.`,
  );
}

function explainCampaign(source: ExplainSource, voters: readonly NodeId[], term: number): Explanation {
  const { id, raw } = source;
  const { votes } = raw.raft.trk;
  const granted = voters.filter((voter) => votes.get(voter) === true);
  const refused = voters.filter((voter) => votes.get(voter) === false);
  const missing = voters.filter((voter) => !votes.has(voter) && voter !== id);
  const quorum = quorumOf(voters);
  const kind = raw.raft.state === 'StatePreCandidate' ? 'asks whether it would win an election' : 'asks for votes';
  const start = `Member ${id} ${kind} in term ${term}, and has ${granted.length} of the ${quorum} it needs`;
  if (refused.length > 0 && missing.length === 0) {
    return say(
      'votes-refused',
      `${start}: ${list(refused)} refused, because they hear of a leader, have voted for another, or have a longer log.`,
    );
  }
  return say('votes-missing', `${start}: ${describeSilence(source, missing)}.`);
}

function describeSilence({ contacts, id }: ExplainSource, members: readonly NodeId[]): string {
  const others = members.filter((member) => member !== id);
  if (others.length === 0) return 'there is nobody else to ask';
  return others
    .map((member) => {
      const founders = contacts.foundersOf(member);
      if (founders !== undefined) return `member ${member} belongs to a cluster that ${list(founders)} founded`;
      const unreachable = contacts.unreachableFor(member);
      if (unreachable !== undefined) return `member ${member} cannot be reached since ${seconds(unreachable)}`;
      const silent = contacts.silentFor(member);
      return silent === undefined
        ? `nothing has come from member ${member} since member ${id} began`
        : `member ${member} was last heard of ${seconds(silent)} ago`;
    })
    .join(', ');
}

function explainIndex(source: ExplainSource, index: number): Explanation {
  const { raw, applied, id } = source;
  const { raftLog, term } = raw.raft;
  if (index <= applied) return say('applied', `Index ${index} is committed, and applied on member ${id}.`);
  if (index <= raftLog.committed) {
    if (source.stuck !== undefined) return explainStuck(source, source.stuck);
    return say(
      'applying',
      `Index ${index} is committed, and member ${id} has applied up to ${applied}: its state machine is ${entries(index - applied)} behind.`,
    );
  }
  if (index > raftLog.lastIndex()) {
    return say(
      'beyond-log',
      `Nobody has proposed index ${index} here: the log of member ${id} ends at ${raftLog.lastIndex()}.`,
    );
  }
  const { softState } = raw.basicStatus();
  if (softState.raftState !== 'StateLeader') {
    if (softState.lead === 0n) {
      const { text } = explainLeader(source);
      return say('not-leading', `Index ${index} cannot be committed while there is no leader. ${text}`);
    }
    return say('not-leading', `Only the leader commits: ask member ${softState.lead} about index ${index}.`);
  }
  if (raftLog.termOrZero(index) < term) {
    return say(
      'earlier-term',
      `Index ${index} is of term ${raftLog.termOrZero(index)}: a leader commits entries of earlier terms together with the first one of its own, term ${term}.`,
    );
  }
  return explainQuorum(source, index);
}

function explainQuorum(source: ExplainSource, index: number): Explanation {
  const { raw } = source;
  const { voters } = membership(raw);
  const match = matches(raw);
  const have = voters.filter((voter) => (match.get(voter) ?? 0) >= index);
  const lack = voters.filter((voter) => !have.includes(voter));
  const quorum = quorumOf(voters);
  const where = lack.map((voter) => `member ${voter} has ${match.get(voter) ?? 0}`).join(', ');
  return say(
    'waiting-for-quorum',
    `Index ${index} is on ${counted(have.length, 'voter')} of the ${quorum} it needs: ${where}; ${describeSilence(source, lack)}.`,
  );
}

function explainMember(source: ExplainSource, member: NodeId): Explanation {
  const { id, raw, group, contacts } = source;
  if (group.removed.has(member)) return say('removed', `Member ${member} was removed from the cluster.`);
  if (member === id) return say('self', `Member ${id} has applied ${source.applied} of ${raw.raft.raftLog.committed}.`);
  if (contacts.foundersOf(member) !== undefined) return explainFounders(source, member);
  const { softState, progress } = raw.status();
  if (softState.raftState !== 'StateLeader') {
    if (!group.members.has(member)) return say('unknown-member', `There is no member ${member}.`);
    return say('not-leading', `Only the leader knows how far member ${member} is: ask member ${softState.lead}.`);
  }
  const pr = progress.get(member);
  if (pr === undefined) return say('unknown-member', `There is no member ${member}.`);
  const last = raw.raft.raftLog.lastIndex();
  const behind = last - pr.match;
  const needsSnapshot = pr.match + 1 < raw.raft.raftLog.firstIndex();
  const failures = needsSnapshot && pr.recentActive ? contacts.snapshotFailures(member) : undefined;
  if (failures !== undefined) return explainFailures(member, failures);
  const unreachable = contacts.unreachableFor(member);
  if (unreachable !== undefined) {
    return say(
      'unreachable',
      `Member ${member} is ${entries(behind)} behind, and messages to it have been lost for ${seconds(unreachable)}.`,
    );
  }
  if (!pr.recentActive) {
    const silent = contacts.silentFor(member);
    const since =
      silent === undefined
        ? `nothing has come from it since member ${id} began`
        : `it has been silent for ${seconds(silent)}`;
    return say('silent', `Member ${member} is ${entries(behind)} behind, and ${since}.`);
  }
  if (pr.state === 'StateSnapshot') {
    return say(
      'snapshot',
      `Member ${member} needs entries that are compacted here, and is being sent the snapshot at ${pr.pendingSnapshot}${howFar(contacts.snapshotSent(member, pr.pendingSnapshot))}.`,
    );
  }
  if (behind === 0) return say('up-to-date', `Member ${member} has everything up to ${last}.`);
  if (pr.state === 'StateProbe') {
    return say(
      'probing',
      `Member ${member} is ${entries(behind)} behind: the leader looks for where the two logs agree.`,
    );
  }
  return say(
    'catching-up',
    `Member ${member} is ${entries(behind)} behind and is sent what it lacks as fast as it takes it.`,
  );
}

/** `, 512.0 MiB of 1024.0 MiB so far` */
function howFar(sent: SnapshotSent | undefined): string {
  if (sent === undefined) return '';
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return `, ${mib(sent.bytes)}${sent.size === undefined ? '' : ` of ${mib(sent.size)}`} so far`;
}

/** A member that answers, and does not get the snapshot that it needs, will not get it by waiting. */
function explainFailures(member: NodeId, { count, forMs, error }: SnapshotFailures): Explanation {
  const times = count === 1 ? 'failed' : `failed ${count} times in a row, for ${seconds(forMs)}`;
  const why = error === undefined ? 'the transport does not say why' : describe(error);
  return say(
    'snapshot-failing',
    `Member ${member} needs entries that are compacted here, and sending it a snapshot has ${times}: ${why}. It is tried again until it succeeds: mend the cause on member ${member}, whose log says more, or on the way to it.`,
  );
}

function explainRead({ id, slowestRead }: ExplainSource): Explanation {
  if (slowestRead === undefined) return say('no-slow-read', `Member ${id} served no read within the last minute.`);
  const { queuedMs, confirmingMs, applyingMs } = slowestRead;
  const total = `The slowest read of the last minute on member ${id} took ${ms(queuedMs + confirmingMs + applyingMs)}`;
  if (queuedMs >= confirmingMs && queuedMs >= applyingMs) {
    return say('read-without-leader', `${total}, of which it waited ${ms(queuedMs)} for a leader, or for its turn.`);
  }
  if (confirmingMs >= applyingMs) {
    return say(
      'read-unconfirmed',
      `${total}, of which ${ms(confirmingMs)} passed until a quorum had confirmed the leader.`,
    );
  }
  return say(
    'read-behind',
    `${total}, of which ${ms(applyingMs)} passed until this member had applied what was confirmed.`,
  );
}

function explainLease({ id, raw, lease }: ExplainSource): Explanation {
  const obstacle = lease.obstacle();
  if (obstacle === undefined) {
    return say('leased', `Member ${id} has a lease, for ${ms(lease.remainingMs)} unless it is renewed.`);
  }
  const { lead } = raw.basicStatus().softState;
  const why: Readonly<Record<LeaseObstacle, string>> = {
    'not-leading': lead === 0n ? 'no leader is known' : `only the leader has one, which is member ${lead}: ask there`,
    stalled: 'it stood still, and first reads what has arrived meanwhile',
    'not-promised': `${list(lease.withoutPromise())} may give a vote at any time: a member of another implementation, one whose format does not write entries of the kind promise, or one that has just joined and will announce its promise soon`,
    transferring: 'leadership was to be handed over, and nothing was committed since',
    unconfirmed:
      'no quorum has confirmed it recently. A lease is renewed only while reads by lease or whileLeading use it',
    clocks: 'its wall clock and its monotonic clock have moved by different amounts, so neither can be believed',
  };
  return say(`no-lease-${obstacle}`, `Member ${id} has no lease: ${why[obstacle]}.`);
}

function membership(raw: RawNode): { readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] } {
  const { voters, learners, votersOutgoing } = raw.raft.trk.config.confState();
  return { voters: [...new Set([...voters, ...votersOutgoing])], learners };
}

function quorumOf(voters: readonly NodeId[]): number {
  return Math.floor(voters.length / 2) + 1;
}

function matches(raw: RawNode): Map<NodeId, number> {
  const found = new Map<NodeId, number>();
  raw.withProgress((id, _type, { match }) => found.set(id, match));
  return found;
}

/** A log line as a sentence. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function entries(count: number): string {
  return counted(count, 'entry', 'entries');
}

function list(ids: readonly NodeId[]): string {
  return ids.map((id) => `member ${id}`).join(', ');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
