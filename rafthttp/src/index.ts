/**
 * `@raft-ts/rafthttp`: raft's messages over HTTP, in etcd's wire format.
 *
 * ```
 *  send ─► Peer ─┬─► StreamWriter msgapp  ─► answer of the peer's GET /raft/stream/msgapp/…     ─► its StreamReader
 *                ├─► StreamWriter message ─► answer of the peer's GET /raft/stream/message/…    ─► its StreamReader
 *                └─► Pipeline             ─► POST /raft                                         ─► its routes
 *  sendSnapshot ───► SnapshotSender       ─► POST /raft/snapshot                                ─► its SnapshotStore
 *                                                         each: checked by Gateway, then receiver.process
 * ```
 *
 * `Peer` and its parts are in peer/, the routes in serve/, `Gateway` in member/; the README has a map.
 */
export {
  ERR_LISTEN,
  ERR_OPTIONAL_PEER,
  ERR_PEER_URL,
  ERR_SNAPSHOT_BODY,
  ERR_TLS,
  ERR_TRANSPORT_OPTIONS,
} from './base/errors.js';
export { defaultTimings, type TransportTimings } from './base/limits.js';
export type { LogFields, TransportLogger } from './base/logger.js';
export type { Removal } from './member/standing.js';
export type { HttpTransportOptions } from './options.js';
export type { Listener, ListenOptions, NetworkListenOptions, SocketListenOptions } from './serve/listener.js';
export { SnapshotFolder, type SnapshotFolderOptions } from './snapshot/folder.js';
export type { BodyName, BodyPart } from './snapshot/part.js';
export type { ReceivedBody, SnapshotBody, SnapshotProgress, SnapshotSink, SnapshotStore } from './snapshot/store.js';
export type { FollowerStatsJson, LeaderStatsJson } from './stats/leader-stats.js';
export { type MetricsRegistry, prometheusMetrics, type TransportMetrics } from './stats/metrics.js';
export type { ServerStatsJson } from './stats/server-stats.js';
export { type CreateServer, httpsServers } from './tls/https-servers.js';
export type { TlsOptions } from './tls/options.js';
export { type SelfSignedOptions, selfSigned } from './tls/self-signed.js';
export { HttpTransport } from './transport.js';
