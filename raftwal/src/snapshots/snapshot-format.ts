/** Snapshot files as etcd writes them: `snappb.Snapshot`, a sum and the bytes of a `raftpb.Snapshot`. */
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '@raft-ts/proto';
import { writeNumber } from '@raft-ts/proto/internal';
import { ERR_SNAP_BROKEN, WalError } from '../base/errors.js';
import { updateCrc } from '../format/crc.js';
import { FieldReader } from '../format/fields.js';

const CRC = 0x08;
const DATA = 0x12;

/** Two tags, a sum of up to five bytes, a length of up to eight. */
const LONGEST_HEAD = 15;

/** Encodes a snapshot file in two pieces, so that the data of a snapshot, which may be large, are not copied again. */
export function encodeSnapshotFile(snapshot: Snapshot): readonly [head: Uint8Array, data: Uint8Array] {
  const data = encodeSnapshot(snapshot);
  const head = new Uint8Array(LONGEST_HEAD);
  head[0] = CRC;
  let at = writeNumber(head, 1, updateCrc(0, data));
  head[at] = DATA;
  at = writeNumber(head, at + 1, data.length);
  return [head.subarray(0, at), data];
}

/** @throws WalError `ERR_RAFT_SNAP_BROKEN`, `reason` `empty`, `crc` or `format` */
export function decodeSnapshotFile(bytes: Uint8Array): Snapshot {
  let crc = 0;
  let data: Uint8Array | undefined;
  try {
    const fields = new FieldReader(bytes);
    for (let tag = fields.next(); tag !== 0; tag = fields.next()) {
      if (tag === CRC) crc = fields.uint32();
      else if (tag === DATA) data = fields.view();
      else fields.skip(tag);
    }
  } catch (cause) {
    throw broken('format', 'not a snapshot file', cause);
  }
  if (data === undefined || data.length === 0 || crc === 0) throw broken('empty', 'empty snapshot');
  if (updateCrc(0, data) !== crc) throw broken('crc', 'crc mismatch');
  try {
    return decodeSnapshot(data);
  } catch (cause) {
    throw broken('format', 'not a snapshot', cause);
  }
}

function broken(reason: string, text: string, cause?: unknown): WalError {
  return new WalError(ERR_SNAP_BROKEN, text, { reason, ...(cause === undefined ? {} : { cause }) });
}
