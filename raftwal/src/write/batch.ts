import { RecordBuffer } from '../format/encoder.js';
import type { SegmentName } from '../format/segment-name.js';

/** The next file, planned: the chain goes on in its head. */
export interface Cut {
  readonly name: SegmentName;
  readonly head: RecordBuffer;
}

/** Records that become durable together, in one write or a few. */
export class Batch {
  readonly buffer: RecordBuffer;
  /**
   * Where each write but the last ends. No write has a State or Snapshot behind another kind of record: read/damage.ts rests on
   * that.
   */
  readonly ends: number[] = [];
  /** Takes no more records. */
  closed = false;
  /** The file that begins behind this batch. */
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

  /** What is added from here on goes into a write of its own. */
  beginWrite(): void {
    const { length } = this.buffer;
    if (length > 0 && this.ends.at(-1) !== length) this.ends.push(length);
  }
}
