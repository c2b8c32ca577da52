/** What a tick leads to: `Raft.tick` calls the one or the other, by its role. */
import { MessageType, NONE, newMessage } from '@raft-ts/proto';
import { leaveJointByItself } from './membership.js';
import type { Raft } from './raft.js';

type LocalReach = Pick<Raft, 'id' | 'step'>;
type ElectionTimerReach = LocalReach &
  Pick<Raft, 'lead' | 'electionElapsed' | 'isFarBehind' | 'promotable' | 'pastElectionTimeout'>;
type HeartbeatTimerReach = LocalReach &
  Parameters<typeof leaveJointByItself>[0] &
  Pick<
    Raft,
    | 'state'
    | 'isFarBehind'
    | 'electionElapsed'
    | 'electionTimeout'
    | 'heartbeatElapsed'
    | 'heartbeatTimeout'
    | 'checkQuorum'
    | 'leadTransferee'
    | 'retriesLeavingJoint'
  >;

/** A tick of a member that does not lead: it campaigns once it has heard nothing for long enough. */
export function tickElection(r: ElectionTimerReach): void {
  const { isFarBehind } = r;
  r.isFarBehind = false;
  r.electionElapsed++;
  // Members of different terms elect nobody. The answers to a campaign raise the term as far as it may go, so with a
  // campaign in each tick, not in each election timeout, members catch up as fast as messages drove them apart. A
  // member that has heard from a leader since does not need one.
  const isLost = isFarBehind && r.lead === NONE;
  if (!r.promotable() || !(isLost || r.pastElectionTimeout())) return;
  r.electionElapsed = 0;
  stepLocal(r, MessageType.MsgHup);
}

/** A tick of a leader: it sends heartbeats, and looks whether a quorum still answers. */
export function tickHeartbeat(r: HeartbeatTimerReach): void {
  r.isFarBehind = false;
  r.heartbeatElapsed++;
  r.electionElapsed++;
  if (r.electionElapsed >= r.electionTimeout) {
    r.electionElapsed = 0;
    if (r.checkQuorum) stepLocal(r, MessageType.MsgCheckQuorum);
    // A transfer that took this long has failed: accept proposals again.
    if (r.state === 'StateLeader') r.leadTransferee = NONE;
    // While leadership was being handed over nothing could be proposed, and perhaps nothing is applied any more.
    if (r.retriesLeavingJoint) leaveJointByItself(r);
  }
  if (r.state !== 'StateLeader') return;
  if (r.heartbeatElapsed >= r.heartbeatTimeout) {
    r.heartbeatElapsed = 0;
    stepLocal(r, MessageType.MsgBeat);
  }
}

function stepLocal(r: LocalReach, type: MessageType): void {
  const m = newMessage(type, NONE);
  m.from = r.id;
  r.step(m);
}
