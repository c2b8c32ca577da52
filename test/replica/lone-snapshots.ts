import { Group, Snapshots } from '@raft-ts/replica/internal';
import { expect } from 'chai';

type Host = ConstructorParameters<typeof Snapshots>[0];

/** The membership of a cluster of one. */
export const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

/** What a test says of a member's snapshots. The rest does nothing, and any warning or fatal error is a failure. */
export type LoneOptions = Pick<Host, 'log' | 'format' | 'stateMachine' | 'position' | 'restore'> &
  Partial<Omit<Host, 'transport' | 'policy'>> & {
    readonly transport?: Partial<Host['transport']>;
    readonly policy: Pick<Host['policy'], 'everyEntries' | 'inlineBytes'>;
  };

/** The snapshots of a member that is not there otherwise. */
export function loneSnapshots({ transport, policy, ...options }: LoneOptions): Snapshots {
  return new Snapshots({
    id: 1n,
    retryTicks: 10,
    commitEmpty: () => Promise.resolve(),
    group: new Group(),
    neededFrom: () => Number.POSITIVE_INFINITY,
    betweenCommands: () => {},
    holdUp: () => {},
    turn: () => Promise.resolve(),
    isBusy: () => false,
    now: () => 0,
    pause: () => Promise.resolve(),
    onEvent: () => {},
    warn: (text) => expect.fail(text),
    onFatal: (error) => {
      throw error;
    },
    reportSnapshot: () => {},
    ...options,
    transport: {
      send: () => {},
      addPeer: () => {},
      updatePeer: () => {},
      removePeer: () => {},
      stop: () => Promise.resolve(),
      ...transport,
    },
    policy: { everyBytes: 1e9, keepEntries: 1, keepEntriesForSlow: 1, keepBytes: 1e9, ...policy },
  });
}
