/**
 * A disk and a file system in memory for `@raft-ts/raftwal`: what is written is read at once, and survives a power cut
 * as a whole only after a sync. Calls fail, are slow and find the disk full as their owner says.
 */
export {
  type DirectoryImage,
  DirectoryNode,
  Disk,
  type Effect,
  FileImage,
  FileNode,
  type Node,
  type NodeImage,
  type SyncOutcome,
} from './disk/disk.js';
export { type Choice, hashImage, KEPT, LOST, PowerCut } from './disk/power-cut.js';
export { type Sector, ZERO_SECTOR } from './disk/sector.js';
export { type Call, type Fault, isInjected, SimFs, type SimFsOptions } from './disk/sim-fs.js';
