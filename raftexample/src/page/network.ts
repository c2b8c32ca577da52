import type { Address } from '../common/peers.js';
import { Link } from './link.js';

/** Every direction between members, each through a link of its own, which whoever dials is told to dial. */
export class Network {
  readonly ids: readonly number[];
  /** By the id of who dials, then of whom. */
  private readonly links = new Map<number, ReadonlyMap<number, Link>>();
  private readonly cut = new Set<string>();
  private readonly late = new Map<string, number>();

  private constructor(ids: readonly number[]) {
    this.ids = ids;
  }

  /** @param addressOf where a member listens for the others */
  static async open(ids: readonly number[], addressOf: (id: number) => Address): Promise<Network> {
    const network = new Network(ids);
    for (const from of ids) {
      const own = new Map<number, Link>();
      for (const to of ids) if (to !== from) own.set(to, await Link.open(addressOf(to)));
      network.links.set(from, own);
    }
    return network;
  }

  /** The ports of 127.0.0.1 that a member dials, by the id of whom it reaches there. */
  dials(from: number): ReadonlyMap<number, number> {
    return new Map([...(this.links.get(from) ?? [])].map(([to, { port }]) => [to, port]));
  }

  /** The flags that make a member dial its links. */
  dialFlags(from: number): string[] {
    return [...this.dials(from)].flatMap(([to, port]) => ['--dial', `${to}=http://127.0.0.1:${port}`]);
  }

  /** Is what `from` sends to `to` carried? */
  isOpen(from: number, to: number): boolean {
    return !this.cut.has(`${from}-${to}`);
  }

  /**
   * Carries or swallows what one member sends to another. Each of the two dials the other: what `from` sends goes there
   * on its own connections, and back on those of `to`.
   */
  set(from: number, to: number, isOpen: boolean): void {
    const own = this.links.get(from)?.get(to);
    const theirs = this.links.get(to)?.get(from);
    if (own === undefined || theirs === undefined || this.isOpen(from, to) === isOpen) return;
    if (isOpen) {
      this.cut.delete(`${from}-${to}`);
      own.carry('there');
      theirs.carry('back');
    } else {
      this.cut.add(`${from}-${to}`);
      own.silence('there');
      theirs.silence('back');
    }
  }

  /** Cuts these off from all others, both ways. */
  split(side: readonly number[]): void {
    for (const one of side) {
      for (const other of this.ids) {
        if (side.includes(other)) continue;
        this.set(one, other, false);
        this.set(other, one, false);
      }
    }
  }

  heal(): void {
    for (const from of this.ids) for (const to of this.ids) this.set(from, to, true);
    this.slow(0);
  }

  /** By how many milliseconds what `from` sends to `to` is late. */
  delayOf(from: number, to: number): number {
    return this.late.get(`${from}-${to}`) ?? 0;
  }

  /** What one member sends to another arrives so many milliseconds later, whoever of them dialled. */
  slowDown(from: number, to: number, delayMs: number): void {
    const own = this.links.get(from)?.get(to);
    const theirs = this.links.get(to)?.get(from);
    if (own === undefined || theirs === undefined) return;
    own.slow(delayMs, 'there');
    theirs.slow(delayMs, 'back');
    this.late.set(`${from}-${to}`, delayMs);
  }

  /** Everything arrives so many milliseconds later. */
  slow(delayMs: number): void {
    for (const from of this.ids) for (const to of this.ids) this.slowDown(from, to, delayMs);
  }

  async close(): Promise<void> {
    const all = [...this.links.values()].flatMap((own) => [...own.values()]);
    await Promise.all(all.map((link) => link.close()));
  }
}
