import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeMessage, type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { Router } from 'express';
import { answer, answerJson, greet, refuse } from './answers.js';
import type { BodyReader } from './body.js';
import type { TransportContext } from './context.js';
import { formatId, Header, headerOf, parseId } from './headers.js';
import type { Peer } from './peer.js';
import { type Refusal, refuseCluster, refuseIncarnation } from './sender-checks.js';
import { isStreamKind } from './stream-kind.js';
import { SERVER_VERSION } from './version.js';

/** What the routes need of the transport. */
export interface RoutesOwner {
  readonly ctx: TransportContext;
  readonly bodies: BodyReader;
  peer(id: NodeId): Peer | undefined;
  /** Is what this member sends to be dropped? */
  isPaused(id: NodeId): boolean;
  /** A member that we may not know wrote to us, and says where it can be reached. */
  learn(id: NodeId, urls: readonly string[]): void;
}

/** The paths that members use among themselves. Others are left to whatever this router is mounted in. */
export function createRouter(owner: RoutesOwner): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use((_req, res, next) => {
    greet(owner.ctx, res);
    next();
  });
  router.all('/raft', (req, res) => {
    void answerPost(owner, req, res);
  });
  router.all(/^\/raft\/stream\//u, (req, res) => answerStream(owner, req, req.path, res));
  router.all('/raft/probing', (_req, res) => answerJson(res, { OK: true, Now: new Date().toISOString() }));
  return router;
}

/** `POST /raft`: one message. 204 says that it was processed, which of a snapshot means that it arrived. */
async function answerPost(owner: RoutesOwner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method !== 'POST') return answer(req, res, 405, 'Method Not Allowed', { Allow: 'POST' });
  const { ctx } = owner;
  res.setHeader(Header.clusterId, formatId(ctx.clusterId));
  const sender = parseId(headerOf(req, Header.from));
  const refusal = refuseCluster(ctx, req) ?? (sender === undefined ? undefined : refuseSender(owner, req, sender));
  if (refusal !== undefined) return refuse(req, res, refusal);
  if (sender !== undefined) learnFrom(owner, req, sender);
  const body = await owner.bodies.read(req);
  if (!(body instanceof Uint8Array)) return refuse(req, res, body);
  const message = decode(body);
  if (message === undefined) return answer(req, res, 400, 'error unmarshalling raft message');
  const reason = ctx.gateway.refusal(message, sender);
  if (reason !== undefined) return answer(req, res, 400, reason);
  try {
    await ctx.gateway.process(message);
  } catch (error) {
    const fields = { 'local-member-id': formatId(ctx.id), error: String(error) };
    // A proposal without a leader is refused every time; that is nothing to warn of.
    if (message.type === MessageType.MsgProp) ctx.logger.debug('failed to process Raft message', fields);
    else ctx.warnings.warn('failed to process Raft message', fields);
    return answer(req, res, 500, 'error processing raft message');
  }
  res.statusCode = 204;
  res.removeHeader('Connection');
  res.end();
}

/** May this member post messages here? One that was removed is told so, for it may not know. */
function refuseSender(owner: RoutesOwner, req: IncomingMessage, sender: NodeId): Refusal | undefined {
  const { ctx } = owner;
  if (ctx.gateway.isIdRemoved(sender)) return { status: 403, text: 'the member has been permanently removed' };
  if (owner.isPaused(sender)) return { status: 503, text: 'paused' };
  return refuseIncarnation(ctx, req, sender);
}

function decode(body: Uint8Array): Message | undefined {
  try {
    return decodeMessage(body);
  } catch {
    return undefined;
  }
}

function learnFrom(owner: RoutesOwner, req: IncomingMessage, sender: NodeId): void {
  const urls = headerOf(req, Header.peerUrls);
  if (urls !== undefined && urls !== '') owner.learn(sender, urls.split(','));
}

/** `GET /raft/stream/<kind>/<id>`: the peer `id` reads our messages of this kind from the answer's body. */
function answerStream(owner: RoutesOwner, req: IncomingMessage, path: string, res: ServerResponse): void {
  if (req.method !== 'GET') return answer(req, res, 405, 'Method Not Allowed', { Allow: 'GET' });
  const { ctx } = owner;
  res.setHeader(Header.clusterId, formatId(ctx.clusterId));
  res.setHeader(Header.version, SERVER_VERSION);
  const refusal = refuseCluster(ctx, req);
  if (refusal !== undefined) return refuse(req, res, refusal);
  const [, directory = '', last = ''] = /^(.*?)\/+([^/]*)$/u.exec(path) ?? [];
  const kind = directory.replace(/^\/raft\/stream\//u, '');
  if (!isStreamKind(kind)) return answer(req, res, 404, 'invalid path');
  const from = parseId(last);
  if (from === undefined) return answer(req, res, 404, 'invalid from');
  if (ctx.gateway.isIdRemoved(from)) {
    ctx.warnings.warn('rejected stream from removed peer', { 'remote-peer-id': formatId(from) });
    return answer(req, res, 410, 'removed member');
  }
  const peer = owner.peer(from);
  if (peer === undefined) {
    learnFrom(owner, req, from);
    ctx.warnings.warn('failed to find remote peer in cluster', { 'remote-peer-id': formatId(from) });
    return answer(req, res, 404, 'error sender not found');
  }
  if (headerOf(req, Header.to) !== formatId(ctx.id)) return answer(req, res, 412, 'to field mismatch');
  const other = refuseIncarnation(ctx, req, from);
  if (other !== undefined) return refuse(req, res, other);
  res.removeHeader('Connection');
  res.flushHeaders();
  peer.attach(kind, res);
}
