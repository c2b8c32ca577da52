import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { Header, headerOf, parseId } from '../base/headers.js';
import { MAX_ADDRESSES } from '../base/limits.js';
import type { Refusal } from '../base/refusals.js';
import type { RoutesOwner } from './owner.js';
import { refuseCertificate, refuseCluster, refuseProcess } from './sender-checks.js';

/**
 * Who posts this, and why it is not taken, as far as the head tells. One that was removed is told so: it may not know.
 */
export async function refusePost(
  owner: RoutesOwner,
  req: IncomingMessage,
): Promise<{ sender: NodeId | undefined; refusal: Refusal | undefined }> {
  const { ctx } = owner;
  const sender = parseId(headerOf(req, Header.from));
  const refusal = async (): Promise<Refusal | undefined> => {
    const stranger = refuseCluster(ctx, req) ?? refuseCertificate(ctx, req, sender);
    if (stranger !== undefined) return stranger;
    if (isEncoded(req)) return { status: 415, text: 'content encodings are not taken' };
    if (sender === undefined) return undefined;
    if (ctx.gateway.isIdRemoved(sender)) return { status: 403, text: 'the member has been permanently removed' };
    if (owner.isPaused(sender)) return { status: 503, text: 'paused' };
    return refuseProcess(ctx, req, sender, owner.peer(sender)?.presence);
  };
  return { sender, refusal: await refusal() };
}

/** A few compressed bytes can stand for any number of others. */
function isEncoded(req: IncomingMessage): boolean {
  const encoding = headerOf(req, 'Content-Encoding');
  return encoding !== undefined && encoding.toLowerCase() !== 'identity';
}

export function learnFrom(owner: RoutesOwner, req: IncomingMessage, sender: NodeId): void {
  const urls = headerOf(req, Header.peerUrls);
  if (urls !== undefined && urls !== '')
    owner.learn({ id: sender, urls: urls.split(',', MAX_ADDRESSES), source: req.socket.remoteAddress });
}
