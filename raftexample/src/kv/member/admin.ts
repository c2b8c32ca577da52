import type { MembershipError, Replica } from '@raft-ts/replica';
import type { Scheme } from '../../common/peers.js';
import { HttpError } from '../face/answers.js';
import type { AdminHost } from '../face/server.js';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';

/**
 * Changes the cluster as the HTTP face asks.
 *
 * @param info hears how a member that was added goes on
 * @param scheme what the URLs of all members begin with: one that is dialled otherwise would prove nothing, or be sent
 * what a cluster with TLS keeps secret
 */
export function adminOf(
  replica: Replica<KvCommand, KvResult>,
  timeoutMs: number,
  info: (text: string) => void,
  scheme: Scheme,
): AdminHost {
  /** Those that are being promoted: asking again goes on with what is under way. */
  const promoting = new Set<bigint>();
  const promote = async (id: bigint, url: string): Promise<void> => {
    if (promoting.has(id)) return;
    promoting.add(id);
    try {
      await replica.addMember({ id, url });
      info(`member ${id} has caught up, and votes`);
    } catch (error) {
      info(`member ${id} was added, and does not vote yet: ${String(error)}. POST it to /members again to go on`);
    } finally {
      promoting.delete(id);
    }
  };
  /** Resolves once the new one is a learner, to be started; it is told how the rest goes. */
  const replace = (old: bigint, id: bigint, url: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const giveUp = new AbortController();
      const deadline = setTimeout(() => giveUp.abort(), timeoutMs);
      let added = false;
      const onProgress = (): void => {
        clearTimeout(deadline);
        added = true;
        resolve();
      };
      replica.replaceMember(old, { id, url }, { onProgress, signal: giveUp.signal }).then(
        () => info(`member ${id} has caught up, and votes in the place of member ${old}`),
        (error: unknown) => {
          clearTimeout(deadline);
          if (added)
            info(
              `member ${id} was added, and does not replace member ${old} yet: ${String(error)}. POST it to /members again to go on`,
            );
          else if (giveUp.signal.aborted)
            reject(new HttpError('ERR_KV_UNKNOWN', 'unseen', `member ${id} was not seen to be added in time`));
          else reject(error);
        },
      );
    });
  return {
    async addMember(id, url, learner, replaces) {
      if (!url.startsWith(`${scheme}://`))
        throw new HttpError(
          'ERR_KV_REQUEST',
          'url',
          `the url must begin with ${scheme}://, as those of all members do`,
        );
      if (replaces !== undefined) {
        await translated(() => replace(replaces, id, url));
        return replica.applied.index;
      }
      await translated(() => replica.addMember({ id, url }, { role: 'learner', timeoutMs }));
      const { index } = replica.applied;
      // It is to be started only now, and votes once it has caught up: until then it would be a voter that is missing.
      if (!learner) void promote(id, url);
      return index;
    },
    async removeMember(id) {
      await translated(() => replica.removeMember(id, { timeoutMs }));
      return replica.applied.index;
    },
    async transfer(id) {
      await translated(() => replica.transferLeadership(id, { timeoutMs }));
    },
  };
}

async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw meaning(error as Partial<MembershipError>) ?? error;
  }
}

function meaning({ code, reason, message, mayStillHappen }: Partial<MembershipError>): HttpError | undefined {
  // The transport knows best which addresses it can dial.
  if (code === 'ERR_RAFT_PEER_URL' || code === 'ERR_RAFT_REPLICA_OPTIONS')
    return new HttpError('ERR_KV_REQUEST', 'url', String(message));
  if (code !== 'ERR_RAFT_MEMBERSHIP') return undefined;
  switch (reason) {
    case 'unknown-id':
      return new HttpError('ERR_KV_NOT_FOUND', 'member', 'no such member');
    case 'id-used':
    case 'url-used':
    case 'last-voter':
      return new HttpError('ERR_KV_CONFLICT', reason, String(message));
    default:
      return new HttpError(
        reason === 'unseen' || mayStillHappen === true ? 'ERR_KV_UNKNOWN' : 'ERR_KV_NOT_READY',
        String(reason),
        String(message),
      );
  }
}
