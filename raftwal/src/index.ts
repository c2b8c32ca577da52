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
export { systemError } from './coded-fs.js';
export { type Damage, type Verdict } from './damage.js';
export { DurableStorage, type DurableStorageOptions, type Unsaved } from './durable-storage.js';
export * from './errors.js';
export { type Fs, type FsFile, type OpenOptions } from './fs.js';
export { type Identity } from './identity.js';
export { LogMark, type MarkPlace } from './log-mark.js';
export { WalHistograms, type WalMetrics } from './metrics.js';
export { NodeFs, type TryLock } from './node-fs.js';
export * from './options.js';
export { type WalSnapshot } from './record.js';
export { type LogPlace, type RepairOptions, type RepairResult, repair } from './repair.js';
export { type ReadFrom } from './replay.js';
export { SnapshotFiles, type SnapshotFilesOptions } from './snapshot-files.js';
export { type VerifyOptions, type VerifyResult, validSnapshots, verify } from './verify.js';
export { Wal } from './wal.js';
