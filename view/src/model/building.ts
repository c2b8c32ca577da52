import { drawSettings } from '@raft-ts/sim/by-hand';
import { type Knobs, knobsOf, type Origin } from './origin.js';

type Settings = ReturnType<typeof drawSettings>;

/** Returns how the simulator builds the members of such a run. */
export function settingsOf(origin: Exclude<Origin, { kind: 'case' }>): {
  seed: number;
  settings: Settings;
  logs: readonly (readonly number[])[];
} {
  const knobs = knobsOf(origin) as Knobs;
  return {
    seed: knobs.seed,
    settings: asSettings(knobs),
    logs: origin.kind === 'scene' ? (origin.scene.logs ?? []) : [],
  };
}

function asSettings({
  members,
  electionTick,
  heartbeatTick,
  preVote,
  checkQuorum,
  leaseReads,
  ...rest
}: Knobs): Settings {
  return {
    members,
    electionTick,
    heartbeatTick,
    preVote,
    checkQuorum: checkQuorum || leaseReads,
    stepDownOnRemoval: false,
    leaseReads,
    disableProposalForwarding: false,
    storage: 'synchronous',
    sendsWhileWriting: false,
    durableState: false,
    bootstraps: false,
    maxSizePerMsg: rest.maxSizePerMsg,
    maxInflightMsgs: 256,
    maxInflightBytes: 0,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
  };
}
