/** What is between the members of a cluster. */
import { Link, type LinkState } from '@raft-ts/raftexample/internal';

/** Where a member is. */
export interface Place {
  readonly id: number;
  readonly host: string;
  readonly peerPort: number;
}

/** The ways between members, which faults cut, silence and slow down. */
export interface Network {
  /** Makes the ways from this member to those others, unless they are there. */
  connect(from: Place, others: readonly Place[]): Promise<void>;
  /** Where this member dials the others, if not at their own addresses, by id. */
  dials(from: Place): ReadonlyMap<number, string>;
  /** What its process is started by, if not alone. */
  startedBy(place: Place): readonly string[];
  set(one: Place, other: Place, state: LinkState): void;
  /** Nothing arrives any more of what goes from one member to another, whichever of them dialled. */
  silenceWay(from: Place, to: Place): void;
  /** Each piece arrives so many milliseconds later. */
  delay(one: Place, other: Place, ms: number): void;
  /** Ends all faults. */
  mend(): void;
  close(): Promise<void>;
}

/** On one machine: a proxy on every way between two members. */
export class Proxies implements Network {
  /** By who dials, and the id of whom it dials. */
  private readonly links = new Map<number, Map<number, Link>>();

  async connect(from: Place, others: readonly Place[]): Promise<void> {
    const links = this.linksOf(from);
    for (const other of others)
      if (!links.has(other.id)) links.set(other.id, await Link.open({ host: '127.0.0.1', port: other.peerPort }));
  }

  dials(from: Place): ReadonlyMap<number, string> {
    return new Map([...this.linksOf(from)].map(([id, { port }]) => [id, `http://127.0.0.1:${port}`]));
  }

  startedBy(): readonly string[] {
    return [];
  }

  set(one: Place, other: Place, state: LinkState): void {
    for (const link of this.between(one, other)) link.set(state);
  }

  silenceWay(from: Place, to: Place): void {
    this.linksOf(from).get(to.id)?.silence('there');
    this.linksOf(to).get(from.id)?.silence('back');
  }

  delay(one: Place, other: Place, ms: number): void {
    for (const link of this.between(one, other)) link.slow(ms);
  }

  mend(): void {
    for (const link of this.all()) {
      link.set('open');
      link.slow(0);
    }
  }

  async close(): Promise<void> {
    for (const link of this.all()) await link.close();
  }

  private linksOf({ id }: Place): Map<number, Link> {
    const links = this.links.get(id) ?? new Map<number, Link>();
    this.links.set(id, links);
    return links;
  }

  private between(one: Place, other: Place): readonly Link[] {
    const links = [this.linksOf(one).get(other.id), this.linksOf(other).get(one.id)];
    return links.filter((link) => link !== undefined);
  }

  private all(): readonly Link[] {
    return [...this.links.values()].flatMap((links) => [...links.values()]);
  }
}
