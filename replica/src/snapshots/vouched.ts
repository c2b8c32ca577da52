/** Reads chunks to their end and throws if they are not sound; may read no further once it knows. */
export type Check = (chunks: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * The same chunks, checked on their way: the last one is held back until all of them have been found sound. So whoever
 * gets them may pass each one on at once, and has the whole only if it is sound.
 * @throws what the check throws
 */
export async function* vouched(chunks: AsyncIterable<Uint8Array>, check: Check): AsyncGenerator<Uint8Array, void> {
  const copy = new HandOver();
  let failure: { readonly error: unknown } | undefined;
  const verdict = check(copy)
    .catch((error: unknown) => {
      failure = { error };
    })
    // One that has read enough waits for nothing more.
    .finally(() => copy.close());
  const judge = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  try {
    let held: Uint8Array | undefined;
    for await (const chunk of chunks) {
      if (held !== undefined) yield held;
      await copy.give(chunk);
      judge();
      held = chunk;
    }
    copy.close();
    await verdict;
    judge();
    if (held !== undefined) yield held;
  } finally {
    copy.close();
  }
}

/** Chunks that one side gives and the other takes. At most one lies between them, and one side at a time waits. */
class HandOver implements AsyncIterableIterator<Uint8Array> {
  private given: Uint8Array | undefined;
  private closed = false;
  private wake: () => void = () => {};

  /** Resolves once the other side has come for it, or will not come. */
  async give(chunk: Uint8Array): Promise<void> {
    if (this.closed) return;
    this.given = chunk;
    await this.change();
  }

  /** Nothing more is given, or nobody takes it. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    // Whoever gave the last one may give another.
    this.wake();
    while (this.given === undefined && !this.closed) await this.change();
    const value = this.given;
    this.given = undefined;
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Wakes the other side, and waits for it. */
  private change(): Promise<void> {
    this.wake();
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
