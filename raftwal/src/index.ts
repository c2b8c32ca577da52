/**
 * `@raft-ts/raftwal`: a raft log on disk, in etcd's format.
 *
 * ```
 *  DurableStorage ─┬─► LogView (memory) ◄── raft reads
 *                  ├─► Wal ─► LogWriter ─► Batch ─► one durable write ─► DIR/wal/SEQUENCE-INDEX.wal
 *                  │    └──── readLog ─► FrameDecoder ─► chain of sums ─► Replay;  damage ─► judge
 *                  └─► SnapshotFiles ─► DIR/snap/TERM-INDEX.snap
 * ```
 */
export { type BackupOptions, type BackupResult, backup } from './backup.js';
export { systemError } from './base/coded-fs.js';
export * from './base/errors.js';
export { type Fs, type FsFile, type LockOptions, type OpenOptions } from './base/fs.js';
export { WalHistograms, type WalMetrics } from './base/metrics.js';
export { NodeFs, type TryLock } from './base/node-fs.js';
export { DEFAULT_SEGMENT_SIZE, type LogOptions } from './base/options.js';
export { DurableStorage } from './durable-storage.js';
export { type Identity } from './format/identity.js';
export { type ReadFrom, type WalSnapshot } from './format/record.js';
export { LogMark, type MarkPlace } from './mark/log-mark.js';
export * from './options.js';
export { type Damage, type Verdict } from './read/damage.js';
export { type LogPlace, type RepairOptions, type RepairResult, repair } from './read/repair.js';
export { type VerifyOptions, type VerifyResult, validSnapshots, verify } from './read/verify.js';
export { type MemberContent, readMember } from './read-member.js';
export { SnapshotFiles, type SnapshotFilesOptions } from './snapshots/snapshot-files.js';
export { type Unsaved } from './unsaved.js';
export { Wal } from './wal.js';
