import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Router } from 'express';
import { featuresIn, formatId, Header, headerOf, parseId } from '../base/headers.js';
import { SERVER_VERSION } from '../base/version.js';
import { PROBING_PATH, STREAM_PATH } from '../peer/client.js';
import { isStreamKind } from '../peer/stream-kind.js';
import { answer, answerFailure, answerJson, answerNothing, greet, refuse } from './answers.js';
import type { RoutesOwner, ServeContext } from './owner.js';
import { limitPieces } from './pieces.js';
import { beginPost, learnFrom } from './post-checks.js';
import { refuseCertificate, refuseCluster, refuseFeatures, refuseProcess } from './sender-checks.js';
import { answerSnapshot } from './snapshot-answer.js';

/** Creates the router for the paths that members use among themselves. Other paths pass through it. */
export function createRouter(owner: RoutesOwner): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use((req, res, next) => {
    begin(owner.ctx, req, res);
    next();
  });
  // Each returns its promise, so that express answers whatever it throws and the process lives on.
  router.all('/raft', (req, res) => answerPost(owner, req, res));
  router.all('/raft/snapshot', (req, res) => answerSnapshot(owner, req, res));
  router.all(/^\/raft\/stream\//u, (req, res) => answerStream(owner, req, req.path, res));
  router.all(PROBING_PATH, (req, res) => answerProbe(owner.ctx, req, res));
  return router;
}

/**
 * Passes requests on to `listener`, except probes, which it answers: every peer sends two every few seconds, and
 * express takes longer to find their route than answering takes.
 */
export function probesFirst(ctx: ProbedContext, listener: RequestListener): RequestListener {
  return (req, res) => {
    if (req.url !== PROBING_PATH) return listener(req, res);
    begin(ctx, req, res);
    answerProbe(ctx, req, res);
  };
}

/** What answering a probe needs of what the transport's parts share. */
export type ProbedContext = Pick<ServeContext, 'id' | 'clusterId' | 'ownHeaders'>;

function begin(ctx: Pick<ServeContext, 'ownHeaders'>, req: IncomingMessage, res: ServerResponse): void {
  limitPieces(req);
  greet(ctx, res);
}

/** Tells whoever dials this address which member it has reached, and what its clock says. */
function answerProbe({ clusterId, id }: ProbedContext, req: IncomingMessage, res: ServerResponse): void {
  res.setHeader(Header.clusterId, formatId(clusterId));
  res.setHeader(Header.from, formatId(id));
  answerJson(req, res, { OK: true, Now: new Date().toISOString() });
}

/** `POST /raft`: one message. 204 says that it was processed, and so, of a snapshot, that it has arrived. */
async function answerPost(owner: RoutesOwner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const begun = await beginPost(owner, req, res);
  if (begun === undefined) return;
  const { ctx } = owner;
  const { sender } = begun;
  const label = sender === undefined ? 'unknown' : formatId(sender);
  const posted = await owner.posted.read(req, sender);
  if ('status' in posted) {
    ctx.metrics?.receiveFailed(label);
    return refuse(req, res, posted);
  }
  ctx.metrics?.receivedBytes(label, posted.bytes);
  const leave = owner.posted.enter(posted, label);
  if (leave === undefined) return answer(req, res, 503, 'too many raft messages wait to be processed');
  // Once the sender has hung up nobody waits any more: a proposal must not go on waiting for a leader on its behalf.
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  if (res.closed) gone.abort();
  const { type } = posted.message;
  try {
    await ctx.gateway.process(posted.message, { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) answerFailure(ctx, req, res, { type, error, text: 'error processing raft message' });
    return;
  } finally {
    leave();
  }
  answerNothing(res);
}

/** Splits the path of a stream at its last run of slashes. */
function streamPath(path: string): { kind: string; last: string } {
  const slash = path.lastIndexOf('/');
  let end = slash;
  while (end > 0 && path[end - 1] === '/') end--;
  return { kind: path.slice(STREAM_PATH.length, end), last: path.slice(slash + 1) };
}

/** `GET /raft/stream/<kind>/<id>`: the peer `id` reads our messages of this kind from the body of the answer. */
async function answerStream(
  owner: RoutesOwner,
  req: IncomingMessage,
  path: string,
  res: ServerResponse,
): Promise<void> {
  if (req.method !== 'GET') return answer(req, res, 405, 'Method Not Allowed', { Allow: 'GET' });
  const { ctx } = owner;
  res.setHeader(Header.clusterId, formatId(ctx.clusterId));
  res.setHeader(Header.version, SERVER_VERSION);
  const refusal = refuseCluster(ctx, req);
  if (refusal !== undefined) return refuse(req, res, refusal);
  const { kind, last } = streamPath(path);
  if (!isStreamKind(kind)) return answer(req, res, 404, 'invalid path');
  const from = parseId(last);
  if (from === undefined) return answer(req, res, 404, 'invalid from');
  const stranger = refuseCertificate(ctx, req, from);
  if (stranger !== undefined) return refuse(req, res, stranger);
  if (ctx.gateway.isIdRemoved(from)) {
    ctx.warnings.warn('rejected stream from removed peer', { 'remote-peer-id': formatId(from) });
    return answer(req, res, 410, 'removed member');
  }
  const lacking = refuseFeatures(ctx, req, from);
  if (lacking !== undefined) return refuse(req, res, lacking);
  if (owner.peer(from) === undefined) {
    learnFrom(owner, req, from);
    ctx.warnings.warnIfSettled('failed to find remote peer in cluster', { 'remote-peer-id': formatId(from) });
    return answer(req, res, 404, 'error sender not found');
  }
  if (headerOf(req, Header.to) !== formatId(ctx.id)) return answer(req, res, 412, 'to field mismatch');
  const other = await refuseProcess(ctx, req, from, owner.peer(from)?.presence);
  if (other !== undefined) return refuse(req, res, other);
  // Either may have gone in the meantime, or more be asked of the sender.
  const peer = owner.peer(from);
  if (req.destroyed || peer === undefined || ctx.features.lacks(req)) return void res.destroy();
  if (req.httpVersion !== '1.1' || res.socket === null) {
    return answer(req, res, 400, 'a stream needs HTTP/1.1 and a connection of its own');
  }
  res.removeHeader('Connection');
  res.flushHeaders();
  owner.connections.hold(req, res);
  peer.attach(kind, res, featuresIn(req));
}
