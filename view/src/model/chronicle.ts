import { type Message, MessageType, messageName } from '@raft-ts/proto';
import type { Event, Member, Recorder, World } from '@raft-ts/sim/by-hand';
import type { Client } from './client.js';
import { counted, listed, nameOf, nameOfId, roleIn } from './names.js';
import type { Role } from './origin.js';
import { Timeline } from './timeline.js';

/** Something that happened, in a sentence. */
export interface Note {
  readonly at: number;
  readonly text: string;
  /** Is it worth telling at once to somebody who cannot see the picture? */
  readonly isBig: boolean;
}

/** What was known of a member at the last look. */
interface Seen {
  role: Role;
  isFrozen: boolean;
  term: number;
  vote: bigint;
  applied: number;
  commit: number;
  last: number;
  lastTerm: number;
  /** A new object whenever it changes, and what it says in words. */
  config: object | undefined;
  voters: string;
}

/** Notes that are kept. */
const KEPT = 2000;

export function roleOf({ node, isGone }: Member): Role {
  if (node === undefined) return isGone ? 'gone' : 'down';
  return roleIn(node.raft.state);
}

/** Writes down what happens: for the text log, and for the timeline. */
export class Chronicle implements Recorder {
  notes: Note[] = [];
  /** Number of notes so far, those included that are no longer kept. */
  count = 0;
  readonly timeline: Timeline = new Timeline();
  /** Number of messages sent, by name. */
  readonly sentByName: Map<string, number> = new Map<string, number>();
  messages = 0;
  private readonly seen: Seen[] = [];
  private readonly sentAt = new WeakMap<Message, number>();
  private readonly waiting = new WeakMap<Message, number>();
  private readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  tell(at: number, text: string, isBig = false): void {
    this.notes.push({ at, text, isBig });
    this.count++;
    if (this.notes.length > 2 * KEPT) this.notes = this.notes.slice(-KEPT);
  }

  // Recorder.

  note(world: World, { kind, member, action }: Event): void {
    if (kind === 'heal') this.timeline.healed(world.now);
    if (kind === 'restart' && member !== undefined) this.tell(world.now, `${nameOf(member.slot)} starts again.`, true);
    if (action !== undefined) this.tell(world.now, `The schedule: ${action.kind}.`);
    if (action?.kind === 'connect') this.timeline.parted(world.now, action.shape);
    if (action?.kind === 'heal') this.timeline.healed(world.now);
  }

  sent(world: World, member: Member, m: Message, arrives: boolean): void {
    const name = messageName(m.type);
    if (m.type === MessageType.MsgVoteResp && m.reject) this.refused(world, member, m);
    this.sentByName.set(name, (this.sentByName.get(name) ?? 0) + 1);
    this.messages++;
    if (arrives) this.sentAt.set(m, world.now);
  }

  private refused(world: World, { slot, node }: Member, { to, term }: Message): void {
    const { vote, lead } = node?.raft ?? { vote: 0n, lead: 0n };
    const why =
      vote !== 0n && vote !== to
        ? `it has voted for ${nameOfId(vote)}`
        : lead !== 0n
          ? `it follows ${nameOfId(lead)}`
          : 'its own log is more complete';
    this.tell(world.now, `${nameOf(slot)} refuses ${nameOfId(to)} its vote in term ${term}: ${why}.`);
  }

  handedOut(_world: World, member: Member, rd: Parameters<NonNullable<Recorder['handedOut']>>[2]): void {
    this.client.handedOut(member, rd);
  }

  /** When a message left; the moment of the call for a copy that the network made. */
  sentWhen(m: Message, now: number): number {
    const known = this.sentAt.get(m);
    if (known !== undefined) return known;
    this.sentAt.set(m, now);
    return now;
  }

  /** When a message arrives, or arrived first at a member that is frozen and takes nothing. */
  arrives(m: Message, at: number): number {
    const before = this.waiting.get(m);
    if (before !== undefined) return before;
    this.waiting.set(m, at);
    return at;
  }

  /** Forgets when a message was to arrive: it was delayed. */
  delayed(m: Message): void {
    this.waiting.delete(m);
  }

  // What has changed since the last look.

  look(world: World): void {
    for (const member of world.members) this.lookAt(world, member);
    this.timeline.reached(world.now, world.rules.history.committed);
  }

  private lookAt(world: World, member: Member): void {
    const { slot, isFrozen, node } = member;
    const role = roleOf(member);
    const before = this.seen[slot];
    const now: Seen = before ?? {
      role: 'down',
      isFrozen: false,
      term: 0,
      vote: 0n,
      applied: 0,
      commit: 0,
      last: 0,
      lastTerm: 0,
      config: undefined,
      voters: '',
    };
    this.seen[slot] = now;
    if (role !== now.role || (node !== undefined && node.raft.term !== now.term))
      this.becomes(world, member, role, now);
    if (isFrozen !== now.isFrozen) {
      now.isFrozen = isFrozen;
      this.timeline.state(slot, world.now, isFrozen ? 'frozen' : role, now.term);
    }
    if (node !== undefined) this.lookAtLog(world, member, now);
  }

  private becomes(world: World, member: Member, role: Role, seen: Seen): void {
    const { slot, node } = member;
    const term = node?.raft.term ?? seen.term;
    const name = nameOf(slot);
    const wasLeader = seen.role === 'leader';
    if (role === 'leader') {
      this.tell(world.now, `${name} leads in term ${term}: a majority voted for it.`, true);
    } else if (role === 'candidate') {
      this.tell(world.now, `${name} starts an election and asks for votes in term ${term}.`, true);
    } else if (role === 'pre-candidate') {
      this.tell(world.now, `${name} hears no leader, and asks whether it could win an election.`, true);
    } else if (role === 'follower' && wasLeader) {
      this.tell(
        world.now,
        `${name} steps down: it has learnt of term ${term}, or heard no majority for too long.`,
        true,
      );
    } else if (role === 'follower' && seen.role !== 'down' && seen.role !== 'follower') {
      this.tell(world.now, `${name} gives up its campaign and follows in term ${term}.`);
    } else if (role === 'follower' && term > seen.term && seen.term > 0 && seen.role === 'follower') {
      this.tell(world.now, `${name} learns of term ${term}.`);
    }
    if (role === 'down') this.forget(seen);
    seen.role = role;
    seen.term = term;
    this.timeline.state(slot, world.now, member.isFrozen ? 'frozen' : role, term);
  }

  private forget(seen: Seen): void {
    seen.applied = 0;
    seen.commit = 0;
    seen.last = 0;
    seen.lastTerm = 0;
  }

  private lookAtLog(world: World, member: Member, seen: Seen): void {
    const { raft } = member.node as NonNullable<Member['node']>;
    const { raftLog } = raft;
    const name = nameOf(member.slot);
    if (raft.vote !== seen.vote) {
      seen.vote = raft.vote;
      if (raft.vote !== 0n && raft.vote !== member.id) {
        this.tell(world.now, `${name} votes for ${nameOfId(raft.vote)} in term ${raft.term}.`);
      }
    }
    const last = raftLog.lastIndex();
    if (seen.last > 0 && (last < seen.last || raftLog.termOrZero(seen.last) !== seen.lastTerm)) {
      if (raftLog.firstIndex() <= seen.last) {
        this.tell(world.now, `${name} replaces entries that were never committed with those of the leader.`, true);
      } else if (seen.last < raftLog.firstIndex() - 1) {
        this.tell(
          world.now,
          `${name} takes a snapshot in place of its log, up to entry ${raftLog.firstIndex() - 1}.`,
          true,
        );
      }
    }
    seen.last = last;
    seen.lastTerm = raftLog.termOrZero(last);
    if (raftLog.committed > seen.commit) {
      if (raft.state === 'StateLeader') {
        const count = raftLog.committed - seen.commit;
        this.tell(world.now, `${name} commits ${counted(count, 'entry', 'entries')}, up to ${raftLog.committed}.`);
      }
      seen.commit = raftLog.committed;
    }
    if (member.applied !== seen.applied) {
      this.client.applied(member, member.applied);
      seen.applied = member.applied;
    }
    this.lookAtMembership(world, member, seen);
  }

  private lookAtMembership(world: World, member: Member, seen: Seen): void {
    const { raft } = member.node as NonNullable<Member['node']>;
    const { config } = raft.trk;
    if (config === seen.config) return;
    const { incoming, outgoing, isJoint } = config.voters;
    const named = (ids: readonly bigint[]): string => listed(ids.map(nameOfId));
    const voters = isJoint
      ? `is in a joint configuration: it needs a majority of ${named(incoming.ids)}, and one of ${named(outgoing.ids)}`
      : `counts these voters: ${named(incoming.ids)}`;
    // Whoever starts again has read them from its disk, which is no news.
    const isNews = seen.voters !== '' && seen.voters !== voters;
    if (isNews) this.tell(world.now, `${nameOf(member.slot)} ${voters}.`, raft.state === 'StateLeader');
    seen.config = config;
    seen.voters = voters;
  }
}
