import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { formatId, Header, hasOtherFounders, headerOf, incarnationIn, parseId, processIn } from '../base/headers.js';
import { FEATURES_MISSING, OTHER_FOUNDERS, OTHER_INCARNATION, OTHER_PROCESS, type Refusal } from '../base/refusals.js';
import { isCompatible } from '../base/version.js';
import type { TransportContext } from '../member/context.js';
import type { Presence } from '../peer/presence.js';

/** What telling processes apart needs of what the transport's parts share. */
type ProcessContext = Pick<TransportContext, 'incarnations' | 'tls' | 'warnings'>;

/** Does the sender belong to our cluster, and speak a version that we understand? */
export function refuseCluster(
  ctx: Pick<TransportContext, 'clusterId' | 'ownHeaders' | 'warnings'>,
  req: IncomingMessage,
): Refusal | undefined {
  if (!isCompatible(headerOf(req, Header.version), headerOf(req, Header.minVersion))) {
    ctx.warnings.warn('failed version compatibility check', senderFields(req));
    return { status: 412, text: 'incompatible version' };
  }
  if (headerOf(req, Header.clusterId) !== formatId(ctx.clusterId)) {
    const local = formatId(ctx.clusterId);
    ctx.warnings.warn('request cluster ID mismatch', { ...senderFields(req), 'local-member-cluster-id': local });
    return { status: 412, text: 'cluster ID mismatch' };
  }
  if (hasOtherFounders(ctx.ownHeaders, req)) {
    ctx.warnings.warn('rejected a member of a cluster with other founders', {
      ...senderFields(req),
      'local-founders': ctx.ownHeaders[Header.founders] ?? '',
      'remote-founders': headerOf(req, Header.founders) ?? '',
      advice:
        'check which members each was started with: whichever got the wrong list must begin anew, in an empty folder',
    });
    return { status: 412, text: OTHER_FOUNDERS };
  }
  return undefined;
}

/** Does the sender show the features that the cluster uses? Not 403 or 410, which say that it was removed. */
export function refuseFeatures(
  { features }: Pick<TransportContext, 'features'>,
  req: IncomingMessage,
  from: NodeId | undefined,
): Refusal | undefined {
  if (!features.lacks(req)) return undefined;
  if (from !== undefined) features.tell(from);
  return { status: 412, text: FEATURES_MISSING };
}

/**
 * Is the sender the process that we know under this id, and are we the one that it knows? A request alone proves
 * nothing: its incarnation is remembered only if a certificate tied to the member was checked before.
 */
function refuseIncarnation(ctx: ProcessContext, req: IncomingMessage, from: NodeId): Refusal | undefined {
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
 * As above, and is the sender the process at the member's address, rather than one that runs beside it with a copy of
 * its log? Nothing is accepted from a new process before that is known.
 *
 * @param presence that of the peer; undefined if the sender is not a peer
 */
export async function refuseProcess(
  ctx: ProcessContext,
  req: IncomingMessage,
  from: NodeId,
  presence: Presence | undefined,
): Promise<Refusal | undefined> {
  const refusal = refuseIncarnation(ctx, req, from);
  const sender = processIn(req);
  if (refusal !== undefined || sender === undefined || presence === undefined) return refusal;
  switch (await presence.whereIs(sender)) {
    case 'elsewhere':
      ctx.warnings.warn("rejected a process that runs beside the one at the member's address", senderFields(req));
      return { status: 409, text: OTHER_PROCESS };
    case 'busy':
      return { status: 503, text: 'too many processes in the name of this member' };
    default:
      // Dialling the address may just have shown which log is the member's.
      return refuseIncarnation(ctx, req, from);
  }
}

/**
 * Is the sender the member whose certificate the connection showed? Always true unless certificates are tied to
 * members.
 *
 * @param claimed the member that the request claims to come from
 */
export function refuseCertificate(
  { tls, warnings }: Pick<TransportContext, 'tls' | 'warnings'>,
  req: IncomingMessage,
  claimed: NodeId | undefined,
): Refusal | undefined {
  if (tls?.bindsMembers !== true) return undefined;
  const owner = tls.ownerOf(req.socket);
  if (owner !== undefined && owner === claimed && parseId(headerOf(req, Header.from)) === owner) return undefined;
  warnings.warn('rejected a request that is not in the name of its certificate', senderFields(req));
  return { status: 400, text: 'the certificate does not belong to this member' };
}

function senderFields(req: IncomingMessage): Record<string, string> {
  return {
    'remote-peer-id': headerOf(req, Header.from) ?? '',
    'remote-peer-server-version': headerOf(req, Header.version) ?? '',
    'remote-peer-cluster-id': headerOf(req, Header.clusterId) ?? '',
  };
}
