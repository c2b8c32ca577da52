/**
 * The picture of a cluster, without its page: what is shown follows from an `Origin` and a script of what is done by
 * hand, event by event.
 *
 * Reading order: `model/origin.ts` says where a run begins, `model/act.ts` what can be done to it, and
 * `model/engine.ts` lets it happen, with clients (`model/client.ts`) and a chronicle (`model/chronicle.ts`,
 * `model/timeline.ts`). `model/picture.ts` is what is to be drawn at a moment, `model/explain.ts` what there is to say
 * about a part of it, and `model/link.ts` puts all of it into an address. `scenes/` are the scenes. `replica/` is the
 * same for a cluster of replicas, whose clients speak to `@raft-ts/replica`: a run, its scenes, its client, and what is
 * to be drawn of it. `model/running.ts` is what is known of a running one. `page/` draws, and has no door: it is
 * bundled into one file by `build/`.
 */

export {
  ACTS,
  type Act,
  type ActKind,
  type Done,
  describeAct,
  maskOf,
  readScript,
  slotsOf,
  writeScript,
} from './model/act.js';
export { type Note } from './model/chronicle.js';
export { Client, type Request, type Verdict } from './model/client.js';
export { describeCut } from './model/cut.js';
export { Engine } from './model/engine.js';
export { explainCell, explainCluster, explainDot, explainLink, explainMember } from './model/explain.js';
export { drawnOrigin, type Place, readLink, writeLink } from './model/link.js';
export { type Cast, type Chapter, KNOBS, type Knobs, type Origin, type Scene } from './model/origin.js';
export { type Cell, cellsOf, type Dot, dotsOf, type MemberPicture, pictureOf } from './model/picture.js';
export { LiveCluster } from './model/running.js';
export { ReplicaRun } from './replica/run.js';
export { sceneryOf as replicaSceneryOf } from './replica/scenery.js';
export { REPLICA_SCENES, type ReplicaScene, replicaSceneOf } from './replica/scenes.js';
export { SCENES, sceneOf } from './scenes/index.js';
