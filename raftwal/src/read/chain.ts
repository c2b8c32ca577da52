import type { HardState } from '@raft-ts/proto';
import { updateCrc } from '../format/crc.js';
import { contentOf, RecordType, type RecordView } from '../format/record.js';

/** The running sum over all records, and the last hard state, which the verdict on damage needs. */
export class Chain {
  value = 0;
  private stateBytes: Uint8Array | undefined = undefined;

  /** Returns the sum that this record must have. */
  sumOf({ type, crc, bytes, start, end }: RecordView): number {
    // A chain of 0 begins here, in the first file or in the middle of the log.
    if (type === RecordType.Crc) return this.value === 0 ? crc : this.value;
    return start < 0 ? this.value : updateCrc(this.value, bytes, start, end);
  }

  /** Takes in a record; returns false if its sum is wrong. */
  accept(record: RecordView): boolean {
    const sum = this.sumOf(record);
    if (sum !== record.crc) return false;
    this.value = sum;
    if (record.type === RecordType.State) this.stateBytes = record.data?.slice();
    return true;
  }

  get state(): HardState | undefined {
    if (this.stateBytes === undefined) return undefined;
    const content = contentOf({ type: RecordType.State, crc: 0, data: this.stateBytes });
    return content.kind === 'state' ? content.state : undefined;
  }
}
