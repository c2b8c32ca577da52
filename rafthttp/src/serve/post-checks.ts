import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { Header, headerOf, parseId } from '../base/headers.js';
import { MAX_ADDRESSES } from '../base/limits.js';
import type { TransportContext } from '../context.js';
import type { Claim } from '../learned/learned.js';
import type { Peer } from '../peer/peer.js';
import type { IncomingSnapshots } from '../snapshot/incoming.js';
import type { PostedMessages } from './posted.js';
import { type Refusal, refuseCertificate, refuseCluster, refuseProcess } from './sender-checks.js';

/** What the routes need of the transport. */
export interface RoutesOwner {
  readonly ctx: TransportContext;
  readonly posted: PostedMessages;
  /** Undefined where there is no store for them. */
  readonly snapshots: IncomingSnapshots | undefined;
  peer(id: NodeId): Peer | undefined;
  /** Is what this member sends to be dropped? */
  isPaused(id: NodeId): boolean;
  /** A member that we may not know wrote to us, and says where it can be reached. */
  learn(claim: Claim): void;
}

/** Who posts this, and why it is not taken, as far as the head tells. One that was removed is told so: it may not know. */
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
