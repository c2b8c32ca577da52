import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeErrorInLine } from '../base/errors.js';
import { formatId, Header } from '../base/headers.js';
import { type ReceivedSnapshot, RefusedSnapshot } from '../snapshot/incoming.js';
import { bodyIn, formatPart } from '../snapshot/part.js';
import { answer, answerFailure, answerNothing, refuse } from './answers.js';
import type { RoutesOwner } from './owner.js';
import { beginPost, beginRequest } from './post-checks.js';

/** The sender of a snapshot, in metrics, if its request names none; etcd's name. */
const UNKNOWN_SENDER = 'UNKNOWN_SNAPSHOT_SENDER';

/** `POST /raft/snapshot`: a MsgSnap and the body that belongs to it. 204 says that both were taken. */
export async function answerSnapshot(owner: RoutesOwner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  // Go members do not ask.
  if (req.method === 'GET' && bodyIn(req) !== undefined) return answerPart(owner, req, res);
  const begun = await beginPost(owner, req, res);
  if (begun === undefined) return;
  const { ctx } = owner;
  const { sender } = begun;
  if (owner.snapshots === undefined) return answer(req, res, 501, 'no store for snapshots');
  const from = sender === undefined ? UNKNOWN_SENDER : formatId(sender);
  const release = owner.connections.hold(req, res);
  const began = performance.now();
  ctx.metrics?.snapshotReceiveBegan(from);
  let received: ReceivedSnapshot;
  try {
    received = await owner.snapshots.receive(req, sender, (message) => ctx.gateway.refusal(message, sender));
  } catch (error) {
    // The answer may take a while, and needs no protected connection.
    release();
    ctx.metrics?.snapshotReceiveFailed(from);
    if (!(error instanceof RefusedSnapshot)) throw error;
    return refuse(req, res, error.refusal);
  }
  ctx.metrics?.receivedBytes(from, received.bytes);
  try {
    await ctx.gateway.process(received.message);
  } catch (error) {
    // Otherwise it could later be taken for the body of a snapshot that raft has accepted.
    await received.discard();
    ctx.metrics?.snapshotReceiveFailed(from);
    const text = `failed to process raft message (${describeErrorInLine(error)})`;
    return answerFailure(ctx, req, res, { type: received.message.type, error, text });
  }
  ctx.metrics?.snapshotReceived(from, (performance.now() - began) / 1000);
  answerNothing(res);
}

/** Returns what tells who waits for an answer that it is being worked on, each time that this has come further. */
function toldAtTimes({ ctx }: RoutesOwner, res: ServerResponse): () => void {
  let told = performance.now();
  return () => {
    const now = performance.now();
    if (now - told < ctx.timings.heartbeatMs || res.closed) return;
    told = now;
    res.writeProcessing();
  };
}

/** `GET /raft/snapshot`: what is here of a body whose transfer broke off. 204, with a header if there is something. */
async function answerPart(owner: RoutesOwner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const begun = await beginRequest(owner, req, res);
  const body = bodyIn(req);
  if (begun === undefined || body === undefined) return;
  if (owner.snapshots === undefined) return answer(req, res, 501, 'no store for snapshots');
  try {
    const part = await owner.snapshots.part(begun.sender, body, toldAtTimes(owner, res));
    if (part !== undefined) res.setHeader(Header.snapshotPart, formatPart(part));
  } catch (error) {
    if (error instanceof RefusedSnapshot) return refuse(req, res, error.refusal);
    const text = `failed to read the part of a snapshot (${describeErrorInLine(error)})`;
    return answer(req, res, 500, text);
  }
  answerNothing(res);
}
