import { type ConfState, emptyConfState, type NodeId, type Snapshot } from '@raft-ts/proto';
import { numbered } from '../base/bytes.js';
import { confStateKey } from '../base/records.js';

/** The configuration that holds from an index on. */
export interface Configuration {
  readonly index: number;
  readonly confState: ConfState;
  readonly key: string;
}

/** A read that was asked for and is not answered yet. */
export interface OpenRead {
  readonly slot: number;
  readonly life: number;
  /** Everything up to this index was committed before it was asked for. */
  readonly bound: number;
  /** Number of events before it was asked for. */
  readonly asked: number;
}

/** What happened in the whole cluster from the beginning: what the rules compare each member with. Never forgets. */
export class History {
  /** Who led in each term. */
  readonly leaders: Map<number, number> = new Map();
  /** For whom each member voted, by term and slot. */
  readonly votes: Map<number, NodeId> = new Map();
  // For each index the terms of the entries that were ever written there, and the hash of the log up to each: the first
  // one in arrays, because mostly there is no other.
  private readonly writtenTerms: number[] = [0];
  private readonly writtenChains: number[] = [0];
  private readonly rewritten: Map<number, Map<number, number>> = new Map();
  /**
   * For each committed index: its term, the hash of the log up to it, and the lowest term in which it was committed.
   */
  readonly terms: number[] = [0];
  readonly chains: number[] = [0];
  readonly committedIn: number[] = [0];
  /** Configurations by the index from which they hold, ascending. */
  readonly configurations: Configuration[] = [];
  readonly reads: Map<number, OpenRead> = new Map();
  /** Entries up to here were committed by decree: those that `bootstrap` wrote. */
  decreed = 0;
  /** Number of payloads and of reads that were handed out. */
  proposals = 0;
  readsAsked = 0;
  readsAnswered = 0;
  /** Highest index that any member has applied. */
  applied = 0;

  /** Highest committed index. */
  get committed(): number {
    return this.terms.length - 1;
  }

  /**
   * Notes that a log holds an entry. Returns the hash of the logs that hold it, which is `chain` if it is the first.
   */
  write(index: number, term: number, chain: number): number {
    const known = this.writtenTerms[index];
    if (known === undefined) {
      this.writtenTerms[index] = term;
      this.writtenChains[index] = chain;
      return chain;
    }
    if (known === term) return this.writtenChains[index] as number;
    let others = this.rewritten.get(index);
    if (others === undefined) {
      others = new Map();
      this.rewritten.set(index, others);
    }
    const other = others.get(term);
    if (other !== undefined) return other;
    others.set(term, chain);
    return chain;
  }

  /** The hash of the logs that hold an entry of this index and term; undefined if none ever did. */
  chainOf(index: number, term: number): number | undefined {
    return this.writtenTerms[index] === term ? this.writtenChains[index] : this.rewritten.get(index)?.get(term);
  }

  /** A cluster begins: entry 1, which names its members, is committed, and covered by a snapshot that is returned. */
  found(voters: readonly NodeId[], others: Partial<ConfState> = {}): Snapshot {
    const confState = { ...emptyConfState(), voters, ...others };
    const chain = 1;
    this.commit(1, chain, 1);
    this.write(1, 1, chain);
    this.applied = 1;
    this.configurations.push({ index: 1, confState, key: confStateKey(confState) });
    return { data: numbered(chain), metadata: { confState, index: 1, term: 1 } };
  }

  commit(term: number, chain: number, inTerm: number): void {
    this.terms.push(term);
    this.chains.push(chain);
    this.committedIn.push(inTerm);
  }

  /** The highest index that was committed in a term before this one. */
  committedBefore(term: number): number {
    const { committedIn } = this;
    let index = committedIn.length - 1;
    while (index > 0 && (committedIn[index] as number) >= term) index--;
    return index;
  }

  /** The configuration at an index. */
  configurationAt(index: number): Configuration | undefined {
    const { configurations } = this;
    for (let i = configurations.length - 1; i >= 0; i--) {
      const configuration = configurations[i] as Configuration;
      if (configuration.index <= index) return configuration;
    }
    return undefined;
  }
}
