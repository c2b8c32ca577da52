import { setTimeout as sleep } from 'node:timers/promises';
import { describeErrorInLine } from '@raft-ts/rafthttp/internal';
import type { MemberAddress, MemberInfo, MembershipError, Replica } from '@raft-ts/replica';
import type { Log } from './join-via.js';

const LONGEST_PAUSE_MS = 60_000;

type Voting = Pick<Replica<unknown, unknown>, 'addMember' | 'watch'>;

/**
 * Sees to it that a member votes which has joined for that. Whoever was asked to add it promotes it once it has caught
 * up, and may have died before; the member itself goes on asking, by the log, until it votes, or `stopping` aborts.
 * @param pauseMs the pause after the first attempt that failed; each further one is twice as long
 */
export async function seeToVote(
  replica: Voting,
  member: MemberAddress,
  { stopping, log, pauseMs = 1000 }: { readonly stopping: AbortSignal; readonly log: Log; readonly pauseMs?: number },
): Promise<void> {
  for (let pause = pauseMs; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    if ((await roleOnceAdded(replica, member.id, stopping)) !== 'learner') return;
    try {
      await replica.addMember(member, { signal: stopping });
      log.info(`member ${member.id} has caught up, and votes`);
      return;
    } catch (error) {
      if (stopping.aborted || isFinal(error)) return;
      log.warn(
        `member ${member.id} does not vote yet: ${describeErrorInLine(error)}. It asks again in ${pause} ms; if this goes on, see that its cluster has a leader which reaches it`,
      );
    }
    await sleep(pause, undefined, { signal: stopping }).catch(() => {});
  }
}

/** Resolves once the membership names this member; with `undefined` if `stopping` aborts first. */
function roleOnceAdded(
  replica: Voting,
  id: MemberAddress['id'],
  stopping: AbortSignal,
): Promise<MemberInfo['role'] | undefined> {
  return new Promise((resolve) => {
    const done = (role: MemberInfo['role'] | undefined): void => {
      stopping.removeEventListener('abort', stop);
      // The listener is called with the present membership before it can be taken away.
      queueMicrotask(() => forget());
      resolve(role);
    };
    const stop = (): void => done(undefined);
    if (stopping.aborted) return resolve(undefined);
    stopping.addEventListener('abort', stop);
    const forget = replica.watch('membership', (members) => {
      const own = members.find((one) => one.id === id);
      if (own !== undefined) done(own.role);
    });
  });
}

/** It was removed meanwhile, or has stopped: the replica itself ends, or has. */
function isFinal(error: unknown): boolean {
  const { code, reason } = error as Partial<MembershipError>;
  return code === 'ERR_RAFT_MEMBERSHIP' && (reason === 'id-used' || reason === 'stopped');
}
