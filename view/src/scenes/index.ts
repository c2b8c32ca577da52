import type { Scene } from '../model/origin.js';
import { election, leaderCrash, preVote, splitBrain, splitVote } from './elections.js';
import { figure7, figure8, membership, replication, snapshot } from './logs.js';
import { lease, staleRead } from './reads.js';

/** All scenes, in the order in which somebody new would look at them. */
export const SCENES: readonly Scene[] = [
  election,
  splitVote,
  replication,
  leaderCrash,
  figure7,
  figure8,
  splitBrain,
  preVote,
  staleRead,
  membership,
  snapshot,
  lease,
];

/** Returns the scene of this id; undefined if there is none. */
export function sceneOf(id: string): Scene | undefined {
  return SCENES.find((scene) => scene.id === id);
}
