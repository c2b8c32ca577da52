/** What tests and sibling packages use beside the public door. It may change at any time. */

export { codedFs } from './base/coded-fs.js';
export * from './base/fs.js';
export { inScratch } from './base/in-scratch.js';
export { defaultFs } from './base/lock.js';
export { NodeFs } from './base/node-fs.js';
export { placeFile } from './base/place-file.js';
export { updateCrc } from './format/crc.js';
export { RecordBuffer, RecordEncoder } from './format/encoder.js';
export { FieldReader } from './format/fields.js';
export { type Frame, FrameDecoder, paddingOf } from './format/frame.js';
export { decodeIdentity, encodeIdentity } from './format/identity.js';
export {
  contentOf,
  decodeRecord,
  decodeWalSnapshot,
  encodeWalSnapshot,
  RecordType,
  type WalRecord,
} from './format/record.js';
export { parseSegmentName, segmentName } from './format/segment-name.js';
export { LogView } from './log-view.js';
export { markPath, readMark } from './mark/log-mark.js';
export { type DamagedTail, judge } from './read/damage.js';
export { readLog } from './read/log-reader.js';
export { listSegments, segmentsFrom } from './read/segments.js';
export { decodeSnapshotFile } from './snapshots/snapshot-format.js';
export { FilePipeline, preallocate } from './write/file-pipeline.js';
export { LARGEST_WRITE } from './write/log-writer.js';
