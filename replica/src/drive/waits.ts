/** What can wait in a chain: its neighbours there. */
export interface Waiter<T> {
  before: T | undefined;
  after: T | undefined;
}

/** Stands in for the functions of a promise that is about to be made. */
export const nobody = (): void => {};

/**
 * All that wait, oldest first. What has left is referred to by nothing here, so that it dies young: a list that is
 * cleaned only from time to time keeps what is settled, with its promise and its closures, until the garbage collector
 * has copied it twice, which costs more than all else that is done for a call.
 */
export class Waits<T extends Waiter<T>> {
  private first: T | undefined = undefined;
  private last: T | undefined = undefined;
  private count = 0;

  get length(): number {
    return this.count;
  }

  get oldest(): T | undefined {
    return this.first;
  }

  add(one: T): void {
    one.before = this.last;
    if (this.last === undefined) this.first = one;
    else this.last.after = one;
    this.last = one;
    this.count++;
  }

  /** It must be one of those that wait. */
  remove(one: T): void {
    const { before, after } = one;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    one.before = undefined;
    one.after = undefined;
    this.count--;
  }

  /** Calls this for each; it may remove the one that it is called for. */
  each(call: (one: T) => void): void {
    for (let one = this.first; one !== undefined; ) {
      const { after }: { readonly after: T | undefined } = one;
      call(one);
      one = after;
    }
  }
}
