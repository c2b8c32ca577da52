import type { NodeId } from '@raft-ts/proto';
import type { Claim } from '../learned/learned.js';
import type { TransportContext } from '../member/context.js';
import type { Peer } from '../peer/peer.js';
import type { IncomingSnapshots } from '../snapshot/incoming.js';
import type { Connections } from './connections.js';
import type { PostedMessages } from './posted.js';

/** What this room needs of what the transport's parts share. */
export type ServeContext = Pick<
  TransportContext,
  | 'id'
  | 'clusterId'
  | 'features'
  | 'ownHeaders'
  | 'gateway'
  | 'incarnations'
  | 'logger'
  | 'warnings'
  | 'metrics'
  | 'timings'
  | 'tls'
>;

/** What the routes need of the transport. */
export interface RoutesOwner {
  readonly ctx: ServeContext;
  readonly connections: Connections;
  readonly posted: PostedMessages;
  /** Undefined if there is no store for them. */
  readonly snapshots: IncomingSnapshots | undefined;
  peer(id: NodeId): Peer | undefined;
  /** Are messages from this member to be dropped? */
  isPaused(id: NodeId): boolean;
  /** A member, perhaps an unknown one, wrote to us and says where it can be reached. */
  learn(claim: Claim): void;
}
