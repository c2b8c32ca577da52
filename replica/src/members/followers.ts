import type { NodeId, RawNode } from '@raft-ts/raft';

export interface FollowersHost {
  readonly self: NodeId;
  readonly raw: Pick<RawNode, 'withProgress' | 'basicStatus'>;
  readonly electionTicks: number;
}

/** How far a follower is. */
export interface Lag {
  /** It has everything up to here. */
  readonly match: number;
  /** It should have everything up to here: what was committed an election timeout ago. */
  readonly target: number;
  readonly caughtUp: boolean;
}

/**
 * What a leader has seen of the others during the last election timeout. Raft clears its own notes of who answers at
 * the start of each timeout, so that at some ticks nobody seems to.
 */
export class Followers {
  private readonly host: FollowersHost;
  private term = 0;
  private ticks = 0;
  /** What was committed at each of the last ticks, oldest first. */
  private commits: number[] = [];
  /** At which tick each member was last seen to answer. */
  private readonly heard = new Map<NodeId, number>();

  constructor(host: FollowersHost) {
    this.host = host;
  }

  /** Time has passed. */
  tick(): void {
    const { raw, electionTicks } = this.host;
    const { hardState, softState } = raw.basicStatus();
    if (softState.raftState !== 'StateLeader' || hardState.term !== this.term) {
      this.term = hardState.term;
      this.commits = [];
      this.heard.clear();
    }
    if (softState.raftState !== 'StateLeader') return;
    this.ticks++;
    this.commits.push(hardState.commit);
    if (this.commits.length > electionTicks) this.commits.shift();
    raw.withProgress((id, _type, { recentActive, match }) => {
      if (recentActive && match > 0) this.heard.set(id, this.ticks);
    });
  }

  /** Does this member answer the leader, which this one is? */
  answers(id: NodeId): boolean {
    if (id === this.host.self) return true;
    const heard = this.heard.get(id);
    if (heard !== undefined && this.ticks - heard <= this.host.electionTicks) return true;
    let active = false;
    this.host.raw.withProgress((member, _type, { recentActive, match }) => {
      // One that was just added counts as active before it has said anything.
      if (member === id) active = recentActive && match > 0;
    });
    return active;
  }

  /**
   * How far behind is this follower? It has caught up once it has what was committed an election timeout ago: entries
   * then take it no longer than that, and its vote does not hold up the others (section 4.2.1 of the dissertation).
   * @returns `undefined` if it is none
   */
  lag(id: NodeId): Lag | undefined {
    const { raw } = this.host;
    const target = this.commits[0] ?? raw.basicStatus().hardState.commit;
    let lag: Lag | undefined;
    raw.withProgress((member, _type, { match, state }) => {
      if (member === id) lag = { match, target, caughtUp: state === 'StateReplicate' && match >= target };
    });
    if (lag?.caughtUp !== true || this.answers(id)) return lag;
    return { ...lag, caughtUp: false };
  }

  /** Returns who of these answers and has the longest log, this member aside. */
  mostAdvanced(candidates: readonly NodeId[]): NodeId | undefined {
    let best: { readonly id: NodeId; readonly match: number } | undefined;
    this.host.raw.withProgress((id, _type, { match }) => {
      if (id === this.host.self || !candidates.includes(id) || !this.answers(id)) return;
      if (best === undefined || match > best.match) best = { id, match };
    });
    return best?.id;
  }
}
