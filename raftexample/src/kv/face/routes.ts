import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerExplain, answerHealth, answerReady, type HealthHost } from './health.js';
import type { KeysHost } from './keys.js';
import { answerLease, grantLease, keepLease, revokeLease } from './leases.js';
import { answerList } from './list.js';
import type { LockDesk } from './locks.js';
import { addMember, answerMembers, type MembersHost, removeMember, transfer } from './members.js';
import { answerMetrics, type MetricsHost } from './metrics.js';
import type { SnapshotReader } from './snapshot.js';
import { answerDigest, answerStatus } from './status.js';
import { answerTransaction } from './transact.js';
import type { Watchers } from './watch.js';

export type RoutesHost = KeysHost & MembersHost & HealthHost & MetricsHost;

/** What lasts longer than a request. */
export interface Streams {
  readonly watchers: Watchers;
  readonly snapshots: SnapshotReader;
  readonly locks: LockDesk;
}

/** @param parameters what stands in the path, percent-decoded */
export type Handler = (
  host: RoutesHost & Streams,
  request: IncomingMessage,
  response: ServerResponse,
  parameters: Readonly<Record<string, string>>,
) => Promise<void> | void;

export interface Route {
  /** As in openapi.yaml. */
  readonly path: string;
  readonly methods: Readonly<Record<string, Handler>>;
  /** Answered without the clients' token: for whoever watches over processes. */
  readonly open?: boolean;
  /** An answer may last as long as its client wants. */
  readonly streams?: boolean;
  /** A GET costs milliseconds: how many are worked on at a time, and how many wait. */
  readonly slots?: readonly [running: number, waiting: number];
}

/** The path of one key. It is not among the routes below: everything after `/kv/` is the key, whatever stands there. */
export const KEY_ROUTE = '/kv/{key}';

/** What the face answers, other than requests for one key. */
export const routes: readonly Route[] = [
  { path: '/kv', methods: { GET: answerList, POST: answerTransaction }, slots: [4, 256] },
  { path: '/status', methods: { GET: answerStatus } },
  { path: '/digest', methods: { GET: answerDigest }, slots: [2, 64] },
  { path: '/leader', methods: { POST: transfer } },
  { path: '/members', methods: { GET: answerMembers, POST: addMember } },
  { path: '/members/{id}', methods: { DELETE: removeMember } },
  { path: '/leases', methods: { POST: grantLease } },
  { path: '/leases/{id}', methods: { GET: answerLease, DELETE: revokeLease }, slots: [4, 256] },
  { path: '/leases/{id}/keepalive', methods: { POST: keepLease } },
  {
    path: '/locks/{name}',
    methods: {
      GET: ({ locks }, ...asked) => locks.holder(...asked),
      POST: ({ locks }, ...asked) => locks.acquire(...asked),
      DELETE: ({ locks }, ...asked) => locks.release(...asked),
    },
  },
  {
    path: '/watch',
    methods: { GET: ({ watchers }, request, response) => watchers.open(request, response) },
    streams: true,
  },
  {
    path: '/snapshot',
    methods: { GET: ({ snapshots }, request, response) => snapshots.answer(request, response) },
    streams: true,
  },
  { path: '/explain', methods: { GET: answerExplain } },
  { path: '/metrics', methods: { GET: answerMetrics }, slots: [1, 64] },
  { path: '/healthz', methods: { GET: answerHealth }, open: true },
  { path: '/readyz', methods: { GET: answerReady }, open: true },
];
