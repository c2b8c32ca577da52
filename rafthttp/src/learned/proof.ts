import type { NodeId } from '@raft-ts/proto';
import { withDeadline } from '../base/deadline.js';
import { formatId, Header, headerOf } from '../base/headers.js';
import { PROOF_TIMEOUT_MS } from '../base/limits.js';
import type { TransportContext } from '../member/context.js';
import { open } from '../peer/client.js';
import { type LinkOptions, PeerLinks } from '../peer/links.js';

/** What a proof needs of what the transport's parts share. */
export type ProofContext = Pick<TransportContext, 'id' | 'clusterId' | 'headers'> & LinkOptions;

/**
 * Does this member answer at this URL? Only a stream tells which Go member answers: the request names the intended
 * member, and any other refuses it. The stream is closed at once.
 *
 * @param ctx its look-up must be the one that the claim may use
 * @throws what the dial throws
 */
export async function isMemberAt(
  ctx: ProofContext,
  { id, url, stop }: { readonly id: NodeId; readonly url: string; readonly stop: AbortSignal },
): Promise<boolean> {
  const links = new PeerLinks(id, ctx, false);
  // Without our own address: another joining member would otherwise ask back, and so on.
  const { [Header.peerUrls]: _, ...headers } = ctx.headers;
  try {
    return await withDeadline(stop, PROOF_TIMEOUT_MS, async (signal) => {
      const answer = await open({
        method: 'GET',
        url,
        path: `/raft/stream/message/${formatId(ctx.id)}`,
        headers: { ...headers, [Header.to]: formatId(id) },
        agents: links.stream,
        signal,
      });
      answer.destroy();
      return answer.statusCode === 200 && headerOf(answer, Header.clusterId) === formatId(ctx.clusterId);
    });
  } finally {
    links.close();
  }
}
