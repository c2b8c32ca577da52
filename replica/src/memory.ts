/** Clusters in one process, for tests and the browser. */
export { cluster, MemoryCluster, type MemoryClusterOptions } from './memory/cluster.js';
export { MemoryLog } from './memory/memory-log.js';
