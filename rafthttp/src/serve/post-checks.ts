import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { formatId, Header, headerOf, parseId } from '../base/headers.js';
import { MAX_ADDRESSES } from '../base/limits.js';
import type { Refusal } from '../base/refusals.js';
import { answer, refuse } from './answers.js';
import type { RoutesOwner } from './owner.js';
import { refuseCertificate, refuseCluster, refuseFeatures, refuseProcess } from './sender-checks.js';

/**
 * Checks the head of a POST. Returns its sender, if it names one; undefined if nothing is left to do, because the
 * request was refused and answered, or its connection is gone.
 */
export async function beginPost(
  owner: RoutesOwner,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<{ readonly sender: NodeId | undefined } | undefined> {
  if (req.method !== 'POST') {
    answer(req, res, 405, 'Method Not Allowed', { Allow: 'POST' });
    return undefined;
  }
  return beginRequest(owner, req, res);
}

/** The same for a request with any method. */
export async function beginRequest(
  owner: RoutesOwner,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<{ readonly sender: NodeId | undefined } | undefined> {
  res.setHeader(Header.clusterId, formatId(owner.ctx.clusterId));
  const sender = parseId(headerOf(req, Header.from));
  const refusal = await postRefusal(owner, req, sender);
  if (req.destroyed) return undefined;
  if (refusal !== undefined) {
    refuse(req, res, refusal);
    return undefined;
  }
  if (sender !== undefined) learnFrom(owner, req, sender);
  return { sender };
}

/** Returns why this POST is refused, as far as its head tells. A removed member is told so: it may not know. */
async function postRefusal(
  owner: RoutesOwner,
  req: IncomingMessage,
  sender: NodeId | undefined,
): Promise<Refusal | undefined> {
  const { ctx } = owner;
  const stranger = refuseCluster(ctx, req) ?? refuseCertificate(ctx, req, sender);
  if (stranger !== undefined) return stranger;
  if (isEncoded(req)) return { status: 415, text: 'content encodings are not taken' };
  if (sender === undefined) return refuseFeatures(ctx, req, sender);
  if (ctx.gateway.isIdRemoved(sender)) return { status: 403, text: 'the member has been permanently removed' };
  const lacking = refuseFeatures(ctx, req, sender);
  if (lacking !== undefined) return lacking;
  if (owner.isPaused(sender)) return { status: 503, text: 'paused' };
  return refuseProcess(ctx, req, sender, owner.peer(sender)?.presence);
}

/**
 * Is a body anything but its bytes, as they are or in chunks? A few compressed bytes can stand for any number of
 * others.
 */
export function isEncoded({ headers }: IncomingMessage): boolean {
  const { 'content-encoding': content, 'transfer-encoding': transfer } = headers;
  return (
    (content !== undefined && content.toLowerCase() !== 'identity') ||
    (transfer !== undefined && transfer.toLowerCase() !== 'chunked')
  );
}

/** Notes where the sender says that it can be reached. */
export function learnFrom(owner: RoutesOwner, req: IncomingMessage, sender: NodeId): void {
  const urls = headerOf(req, Header.peerUrls);
  if (urls !== undefined && urls !== '')
    owner.learn({ id: sender, urls: urls.split(',', MAX_ADDRESSES), source: req.socket.remoteAddress });
}
