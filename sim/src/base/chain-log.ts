/**
 * A log as the rules see it: for each index the term and a hash of everything up to there, so that two logs are
 * compared by one number.
 */
export class ChainLog {
  /** The last index before the first entry that is kept, its term and its hash. */
  base = 0;
  private baseTerm = 0;
  private baseChain = 0;
  private terms: number[] = [];
  private chains: number[] = [];
  /** Number of entries at the front that have been dropped and not yet removed. */
  private dropped = 0;
  /** Indexes of its membership changes, ascending. */
  changes: number[] = [];

  get last(): number {
    return this.base + this.terms.length - this.dropped;
  }

  /** The term of an index; 0 if it is not here. */
  term(index: number): number {
    if (index === this.base) return this.baseTerm;
    return index < this.base ? 0 : (this.terms[this.dropped + index - this.base - 1] ?? 0);
  }

  /** The hash up to an index; 0 if it is not here. */
  chain(index: number): number {
    if (index === this.base) return this.baseChain;
    return index < this.base ? 0 : (this.chains[this.dropped + index - this.base - 1] ?? 0);
  }

  /** Begins anew after this position. */
  reset(index: number, term: number, chain: number): void {
    this.base = index;
    this.baseTerm = term;
    this.baseChain = chain;
    this.terms = [];
    this.chains = [];
    this.dropped = 0;
    this.changes = [];
  }

  /** Removes `index` and everything after it. */
  truncate(index: number): void {
    const length = Math.max(0, this.dropped + index - this.base - 1);
    if (length >= this.terms.length) return;
    this.terms.length = length;
    this.chains.length = length;
    while ((this.changes.at(-1) ?? 0) >= index) this.changes.pop();
  }

  push(term: number, chain: number, isChange: boolean): void {
    this.terms.push(term);
    this.chains.push(chain);
    if (isChange) this.changes.push(this.last);
  }

  /** Forgets everything before `index`, which becomes the base. */
  compact(index: number): void {
    if (index <= this.base || index > this.last) return;
    this.baseTerm = this.term(index);
    this.baseChain = this.chain(index);
    this.dropped += index - this.base;
    this.base = index;
    // Removing from the front costs as much as what stays: not done for each few entries.
    if (this.dropped > 64 && 2 * this.dropped > this.terms.length) {
      this.terms = this.terms.slice(this.dropped);
      this.chains = this.chains.slice(this.dropped);
      this.dropped = 0;
    }
    if (this.changes.length > 0) this.changes = this.changes.filter((change) => change > index);
  }
}
