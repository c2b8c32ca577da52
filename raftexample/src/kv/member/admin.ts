import type { MemberAddress, MembershipError, Replica } from '@raft-ts/replica';
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
  const replacements = new Replacements(replica, timeoutMs, info);
  return {
    async addMember(id, url, learner, replaces) {
      if (!url.startsWith(`${scheme}://`))
        throw new HttpError(
          'ERR_KV_REQUEST',
          'url',
          `the url must begin with ${scheme}://, as those of all members do`,
        );
      if (replaces !== undefined) {
        await translated(() => replacements.begin(replaces, id, url));
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

/** Replacements of members that are under way: asking again goes on with them. */
class Replacements {
  private readonly replica: Replica<KvCommand, KvResult>;
  private readonly timeoutMs: number;
  private readonly info: (text: string) => void;
  /** By the id of the new one. */
  private readonly underWay = new Map<bigint, { readonly old: bigint; readonly url: string; added: Promise<void> }>();

  constructor(replica: Replica<KvCommand, KvResult>, timeoutMs: number, info: (text: string) => void) {
    this.replica = replica;
    this.timeoutMs = timeoutMs;
    this.info = info;
  }

  /** Resolves once the new one is a learner, to be started; it is told how the rest goes. */
  async begin(old: bigint, id: bigint, url: string): Promise<void> {
    const other = this.underWay.get(id);
    if (other === undefined) {
      const added = this.replace(old, id, url);
      this.underWay.set(id, { old, url, added });
      return added;
    }
    if (other.old === old && other.url === url) return other.added;
    const text = `member ${id}, at ${other.url}, is about to take the place of member ${other.old}`;
    throw new HttpError('ERR_KV_CONFLICT', 'replacing', text);
  }

  private replace(old: bigint, id: bigint, url: string): Promise<void> {
    return new Promise((resolve, reject) => void this.carryOut(old, { id, url }, resolve, reject));
  }

  private async carryOut(
    old: bigint,
    member: MemberAddress,
    onAdded: () => void,
    onRefused: (error: unknown) => void,
  ): Promise<void> {
    const { replica, timeoutMs, info } = this;
    const { id } = member;
    const giveUp = new AbortController();
    const deadline = setTimeout(() => giveUp.abort(), timeoutMs);
    let added = false;
    const onProgress = (): void => {
      clearTimeout(deadline);
      added = true;
      onAdded();
    };
    try {
      await replica.replaceMember(old, member, { onProgress, signal: giveUp.signal });
      info(`member ${id} has caught up, and votes in the place of member ${old}`);
    } catch (error) {
      if (added)
        info(
          `member ${id} was added, and does not replace member ${old} yet: ${String(error)}. POST it to /members again to go on`,
        );
      else if (giveUp.signal.aborted)
        onRefused(new HttpError('ERR_KV_UNKNOWN', 'unseen', `member ${id} was not seen to be added in time`));
      else onRefused(error);
    } finally {
      clearTimeout(deadline);
      this.underWay.delete(id);
    }
  }
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
