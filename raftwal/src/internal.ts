/** What tests and sibling packages use beside the public door. No promise is made about it. */
export { updateCrc } from './crc.js';
export { brokenName } from './create.js';
export { type Damage, type DamagedTail, judge, type Verdict } from './damage.js';
export { RecordBuffer, RecordEncoder } from './encoder.js';
export { FieldReader } from './fields.js';
export { FilePipeline, preallocate } from './file-pipeline.js';
export { type Frame, FrameDecoder, paddingOf } from './frame.js';
export * from './fs.js';
export { decodeIdentity, encodeIdentity } from './identity.js';
export { defaultFs } from './lock.js';
export { markPath, readMark } from './log-mark.js';
export { contentVisitor, listSegments, type Place, readLog, segmentsFrom } from './log-reader.js';
export { headOfLog, LARGEST_WRITE } from './log-writer.js';
export { NodeFs, type TryLock } from './node-fs.js';
export { contentOf, decodeRecord, decodeWalSnapshot, encodeWalSnapshot, RecordType, type WalRecord } from './record.js';
export { type ReadFrom, Replay } from './replay.js';
export { parseSegmentName, type SegmentName, segmentName, segmentsAmong } from './segment-name.js';
export { decodeSnapshotFile } from './snapshot-format.js';
