import { RecordBuffer } from '../format/encoder.js';
import type { SegmentName } from '../format/segment-name.js';

/** The next file, as planned: the chain continues in its head. */
export interface Cut {
  readonly name: SegmentName;
  readonly head: RecordBuffer;
}

/** Records that become durable together, in one write or a few. */
export class Batch {
  readonly buffer: RecordBuffer;
  /**
   * Where each write except the last ends. No write has a State or Snapshot after another kind of record:
   * read/damage.ts relies on that.
   */
  readonly ends: number[] = [];
  /** Whether the batch takes no more records. */
  closed = false;
  /** The file that begins after this batch. */
  cut: Cut | undefined = undefined;
  readonly done: Promise<void>;
  resolve: () => void = () => {};
  reject: (error: Error) => void = () => {};

  constructor(buffer: RecordBuffer = new RecordBuffer()) {
    this.buffer = buffer;
    this.done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Begins a new write: records added from here on do not share one with those before. */
  beginWrite(): void {
    const { length } = this.buffer;
    if (length > 0 && this.ends.at(-1) !== length) this.ends.push(length);
  }
}
