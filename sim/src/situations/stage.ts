import type { Entry, Message } from '@raft-ts/proto';
import { numbered, numberOf } from '../base/bytes.js';
import type { Event } from '../cluster/event.js';
import { type Recorder, World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import { FAIR } from '../plan/schedule.js';
import type { Settings } from '../plan/settings.js';

/** Which of etcd's two safeguards the members of a situation use. */
export interface Guards {
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

/** A write that a client has asked a member for. */
export interface Asked {
  /** A letter for the story. */
  readonly name: string;
  readonly via: Member;
  readonly number: number;
  readonly askedAt: number;
  /** The code and the reason of an error, if the member refused it at once. */
  refused: string | undefined;
  /** When the member that was asked applied it, and at which index. */
  committed: { readonly at: number; readonly index: number } | undefined;
}

/** What the members look like from outside: who leads, in which term, up to where it is committed. */
interface Seen {
  role: string;
  term: number;
  lead: bigint;
}

const roles: Record<string, string> = {
  StateFollower: 'follows',
  StatePreCandidate: 'asks whether it could win',
  StateCandidate: 'campaigns',
  StateLeader: 'leads',
};

function settings(members: number, guards: Guards): Settings {
  return {
    members,
    electionTick: 10,
    heartbeatTick: 1,
    ...guards,
    stepDownOnRemoval: false,
    leaseReads: false,
    disableProposalForwarding: false,
    storage: 'synchronous',
    sendsWhileWriting: false,
    durableState: false,
    bootstraps: false,
    maxSizePerMsg: 1024 * 1024,
    maxInflightMsgs: 256,
    maxInflightBytes: 0,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
  };
}

/** A small cluster on which a story is played, and what a reader is told of it. Every rule is checked meanwhile. */
export class Stage implements Recorder {
  readonly world: World;
  readonly lines: string[] = [];
  readonly writes: Asked[] = [];
  /** Time that two members spent as leaders side by side, in milliseconds. */
  twoLeadersMs = 0;
  /** Number of elections that were won. */
  elections = 0;
  private readonly seen: Seen[] = [];
  private before = 0;

  constructor(seed: number, members: number, guards: Guards) {
    this.world = new World(seed, settings(members, guards));
    this.world.network.weather = FAIR;
    this.world.recorder = this;
  }

  get members(): readonly Member[] {
    return this.world.members;
  }

  /** Adds a line with the time in front. */
  say(text: string): void {
    this.lines.push(`${(this.world.now / 1000).toFixed(1).padStart(5)} s  ${text}`);
  }

  /** Adds a line without a time. */
  add(text: string): void {
    this.lines.push(`         ${text}`);
  }

  // What the simulator tells.

  note(_world: World, _what: Event): void {}

  sent(_world: World, _member: Member, _m: Message): void {}

  applied(member: Member, { data, index }: Entry): void {
    if (data === undefined) return;
    const number = numberOf(data);
    const write = this.writes.find((one) => one.number === number && one.via === member);
    if (write === undefined || write.committed !== undefined) return;
    write.committed = { at: this.world.now, index };
    this.say(`Member ${member.id} tells its client: ${write.name} is committed, at index ${index}.`);
  }

  // Time.

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.world.now + ms;
    while (this.world.step(end)) this.look();
  }

  /** Lets time pass until this holds, but no longer than so many milliseconds. Returns whether it holds. */
  runUntil(holds: () => boolean, ms: number): boolean {
    const end = this.world.now + ms;
    while (!holds() && this.world.step(end)) this.look();
    return holds();
  }

  private look(): void {
    const { members, world } = this;
    if (members.filter(({ leadsTerm }) => leadsTerm > 0).length > 1) this.twoLeadersMs += world.now - this.before;
    this.before = world.now;
    for (const member of members) {
      const { raft } = member.node ?? {};
      if (raft === undefined) continue;
      const was = this.seen[member.slot];
      this.seen[member.slot] = { role: raft.state, term: raft.term, lead: raft.lead };
      if (was !== undefined && was.role !== raft.state) this.changed(member, was, raft.state, raft.term);
    }
  }

  private changed({ id }: Member, was: Seen, role: string, term: number): void {
    if (role === 'StateLeader') {
      this.elections++;
      this.say(`Member ${id} is elected and leads term ${term}.`);
    } else if (was.role === 'StateLeader') {
      const isHigher = term > was.term;
      const why = isHigher ? `hears of term ${term}` : 'has not heard from a majority for an election timeout';
      this.say(`Member ${id}, leader of term ${was.term}, ${why}: it leads no more.`);
    }
  }

  // What is done.

  /** Opens the directions for which a function of two ids returns true, and cuts all others. */
  connect(isOpen: (from: number, to: number) => boolean): void {
    this.world.network.connectWhere(this.members.length, (from, to) => isOpen(from + 1, to + 1));
  }

  heal(): void {
    this.world.network.heal();
  }

  /** A client asks a member for a write. */
  write(via: Member): Asked {
    const name = String.fromCharCode(65 + this.writes.length);
    const number = ++this.world.rules.history.proposals;
    const asked: Asked = { name, via, number, askedAt: this.world.now, refused: undefined, committed: undefined };
    this.writes.push(asked);
    this.say(`A client asks member ${via.id} to write ${name}.`);
    this.world.input(via, (node) => {
      try {
        node.propose(numbered(number));
      } catch (error) {
        const { code, reason } = error as { code: string; reason: string };
        asked.refused = `${code}, ${reason}`;
        throw error;
      }
    });
    if (asked.refused !== undefined) this.say(`Member ${via.id} refuses ${name}: ${asked.refused}.`);
    return asked;
  }

  /** Tells where all members are. */
  tell(title: string): void {
    this.add(title);
    for (const { id, node } of this.members) {
      const raft = node?.raft;
      if (raft === undefined) continue;
      const lead = raft.lead === 0n ? 'nobody' : `member ${raft.lead}`;
      const role = raft.state === 'StateFollower' ? `follows ${lead}` : (roles[raft.state] as string);
      const { committed } = raft.raftLog;
      const where = `committed up to ${committed}, log up to ${raft.raftLog.lastIndex()}`;
      this.add(`  member ${id}   term ${String(raft.term).padEnd(3)} ${role.padEnd(26)} ${where}`);
    }
  }
}
