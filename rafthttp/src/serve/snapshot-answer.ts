import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError, describeErrorInLine, isInvalidMessage } from '../base/errors.js';
import { formatId, Header } from '../base/headers.js';
import { type ReceivedSnapshot, RefusedSnapshot } from '../snapshot/incoming.js';
import { answer, refuse } from './answers.js';
import type { RoutesOwner } from './owner.js';
import { learnFrom, refusePost } from './post-checks.js';

/** Who a snapshot is from where its request does not say, in metrics; etcd's name. */
const UNKNOWN_SENDER = 'UNKNOWN_SNAPSHOT_SENDER';

/** `POST /raft/snapshot`: a MsgSnap and the body that belongs to it. 204 says that both were taken. */
export async function answerSnapshot(owner: RoutesOwner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method !== 'POST') return answer(req, res, 405, 'Method Not Allowed', { Allow: 'POST' });
  const { ctx } = owner;
  res.setHeader(Header.clusterId, formatId(ctx.clusterId));
  const { refusal, sender } = await refusePost(owner, req);
  if (req.destroyed) return;
  if (refusal !== undefined) return refuse(req, res, refusal);
  if (sender !== undefined) learnFrom(owner, req, sender);
  if (owner.snapshots === undefined) return answer(req, res, 501, 'no store for snapshots');
  const from = sender === undefined ? UNKNOWN_SENDER : formatId(sender);
  const release = owner.connections.hold(req, res);
  const began = performance.now();
  ctx.metrics?.snapshotReceiveBegan(from);
  let received: ReceivedSnapshot;
  try {
    received = await owner.snapshots.receive(req, sender, (message) => ctx.gateway.refusal(message, sender));
  } catch (error) {
    // Its answer may take a while, and is worth no place.
    release();
    ctx.metrics?.snapshotReceiveFailed(from);
    if (!(error instanceof RefusedSnapshot)) throw error;
    return refuse(req, res, error.refusal);
  }
  ctx.metrics?.receivedBytes(from, received.bytes);
  try {
    await ctx.gateway.process(received.message);
  } catch (error) {
    // Otherwise it would be found later, as the body of a snapshot that raft has taken.
    await received.discard();
    ctx.metrics?.snapshotReceiveFailed(from);
    ctx.warnings.warn('failed to process Raft message', {
      'local-member-id': formatId(ctx.id),
      error: describeError(error),
    });
    if (isInvalidMessage(error)) return answer(req, res, 400, 'invalid raft message');
    return answer(req, res, 500, `failed to process raft message (${describeErrorInLine(error)})`);
  }
  ctx.metrics?.snapshotReceived(from, (performance.now() - began) / 1000);
  res.statusCode = 204;
  res.removeHeader('Connection');
  res.end();
}
