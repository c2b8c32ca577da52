/**
 * `@raft-ts/rafthttp`: raft's messages over HTTP, in etcd's wire format.
 *
 * ```
 *  send ─► Peer ─┬─► StreamWriter msgapp  ─► answer of the peer's GET /raft/stream/msgapp/…     ─► its StreamReader
 *                ├─► StreamWriter message ─► answer of the peer's GET /raft/stream/message/…    ─► its StreamReader
 *                └─► Pipeline             ─► POST /raft                                         ─► its routes
 *                                                         each: checked by Gateway, then receiver.process
 * ```
 */
export { defaultTimings, type TransportTimings } from './limits.js';
export type {
  HttpTransportOptions,
  Listener,
  ListenOptions,
  LogFields,
  Removal,
  TransportLogger,
} from './options.js';
export { HttpTransport } from './transport.js';
