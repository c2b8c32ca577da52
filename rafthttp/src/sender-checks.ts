import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import type { TransportContext } from './context.js';
import { formatId, Header, headerOf, incarnationIn, parseId } from './headers.js';
import { isCompatible } from './version.js';

/** An answer that refuses a request. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Body of the 410 that tells a member that its id was seen with another process. */
export const OTHER_INCARNATION = 'this id was seen with another incarnation';

/** Does the sender belong to our cluster, and speak a version that we understand? */
export function refuseCluster(ctx: TransportContext, req: IncomingMessage): Refusal | undefined {
  if (!isCompatible(headerOf(req, Header.version), headerOf(req, Header.minVersion))) {
    ctx.warnings.warn('failed version compatibility check', senderFields(req));
    return { status: 412, text: 'incompatible version' };
  }
  if (headerOf(req, Header.clusterId) !== formatId(ctx.clusterId)) {
    const local = formatId(ctx.clusterId);
    ctx.warnings.warn('request cluster ID mismatch', { ...senderFields(req), 'local-member-cluster-id': local });
    return { status: 412, text: 'cluster ID mismatch' };
  }
  return undefined;
}

/**
 * Is the sender the process that we know under this id, and are we the one that it knows? A request teaches nothing by
 * itself: only beside a certificate that is tied to the member, which was checked before, is its incarnation kept.
 */
export function refuseIncarnation(ctx: TransportContext, req: IncomingMessage, from: NodeId): Refusal | undefined {
  const incarnation = incarnationIn(req, Header.incarnation);
  if (ctx.incarnations.isOther(from, incarnation)) {
    ctx.warnings.warn('rejected another incarnation of remote peer', senderFields(req));
    return { status: 410, text: OTHER_INCARNATION };
  }
  if (!ctx.incarnations.isOwn(incarnationIn(req, Header.incarnationTo))) {
    return { status: 412, text: 'incarnation mismatch' };
  }
  if (ctx.tls?.bindsMembers === true) ctx.incarnations.remember(from, incarnation);
  return undefined;
}

/**
 * Is the sender the member whose certificate the connection showed? Only asked where certificates are tied to members.
 *
 * @param claimed who the request says that it is from
 */
export function refuseCertificate(
  { tls, warnings }: TransportContext,
  req: IncomingMessage,
  claimed: NodeId | undefined,
): Refusal | undefined {
  if (tls?.bindsMembers !== true) return undefined;
  const owner = tls.ownerOf(req.socket);
  if (owner !== undefined && owner === claimed && parseId(headerOf(req, Header.from)) === owner) return undefined;
  warnings.warn('rejected a request that is not in the name of its certificate', senderFields(req));
  return { status: 400, text: 'the certificate is not of this member' };
}

function senderFields(req: IncomingMessage): Record<string, string> {
  return {
    'remote-peer-id': headerOf(req, Header.from) ?? '',
    'remote-peer-server-version': headerOf(req, Header.version) ?? '',
    'remote-peer-cluster-id': headerOf(req, Header.clusterId) ?? '',
  };
}
