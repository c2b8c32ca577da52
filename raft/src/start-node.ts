import { RaftError } from '@raft-ts/proto';
import { isCoded } from '@raft-ts/proto/internal';
import { checkPeers, isNewLog, type Peer } from './bootstrap.js';
import { type Config, checkLogger } from './config.js';
import { consoleLogger } from './console-logger.js';
import { ERR_BOOTSTRAP, RaftPanic } from './errors.js';
import { LimitedLogger } from './limited-logger.js';
import { Node } from './node.js';
import { RawNode } from './raw-node.js';

/**
 * Begins a new cluster with these members, including this one. All members must be given the same peers.
 * @throws RaftPanic if there are no peers; ERR_RAFT_CONFIG
 */
export function startNode(config: Config, peers: readonly Peer[]): Node {
  checkPeers(peers);
  if (peers.length === 0) throw new RaftPanic('peers-for-start', 'no peers given; use RestartNode instead');
  const limited = withLimitedLogger(config);
  const rawNode = new RawNode(limited);
  try {
    rawNode.bootstrap(peers);
  } catch (error) {
    if (!isCoded(error)) throw error;
    rawNode.raft.logger.warn(`error occurred during starting a new node: ${error.message}`);
  }
  return new Node(rawNode, limited);
}

/** Continues a member from its storage. For a new member of a running cluster, with empty storage: `joinNode`. */
export function restartNode(config: Config): Node {
  const limited = withLimitedLogger(config);
  return new Node(new RawNode(limited), limited);
}

/** Messages from others make a member log: no sender may decide how much. */
function withLimitedLogger(config: Config): Config & { readonly logger: LimitedLogger } {
  const { logger = consoleLogger, electionTick } = config;
  checkLogger(logger);
  return { ...config, logger: new LimitedLogger(logger, electionTick) };
}

/**
 * Begins a member that a running cluster adds: its storage is new (`isNewLog`), and it has no peers yet. It learns the
 * membership from the leader once a change that adds it is committed. `startNode` would make it a founder of another
 * cluster.
 * @throws ERR_RAFT_BOOTSTRAP if storage is not new: `restartNode` continues from it
 */
export function joinNode(config: Config): Node {
  const limited = withLimitedLogger(config);
  const rawNode = new RawNode(limited);
  const { raftLog, trk } = rawNode.raft;
  if (!isNewLog(raftLog.storage) || trk.progress.size > 0) {
    throw new RaftError(ERR_BOOTSTRAP, 'joinNode needs empty storage; use restartNode if a log exists');
  }
  return new Node(rawNode, limited);
}
