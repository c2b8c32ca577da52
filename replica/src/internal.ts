/** What lies behind the doors: for this project's own tests and packages. It may change with any release. */

export { Applier } from './drive/applier.js';
export { Backlog } from './drive/backlog.js';
export { Driver } from './drive/driver.js';
export { GroupCommit } from './drive/group-commit.js';
export { MAX_BATCH, Proposals } from './drive/proposals.js';
export { Reads } from './drive/reads.js';
export { StateHashes } from './drive/state-hashes.js';
export { Ticker } from './drive/ticker.js';
export { type Waiter, Waits } from './drive/waits.js';
export { ChunkReader, collect } from './format/chunks.js';
export { commandReader, commandWriter } from './format/default-format.js';
export { Group } from './group/group.js';
export {
  MAX_ALL_ANSWERS,
  MAX_ANSWER_BYTES,
  MAX_ANSWERS,
  MAX_ANSWERS_BYTES,
  MAX_SESSIONS,
  SESSION_ENTRIES,
  Sessions,
} from './group/sessions.js';
export { Leading } from './lead/leading.js';
export { Lease, type LeaseHost, type LeaseObstacle } from './lead/lease.js';
export { Announcer, VotePromise } from './lead/vote-promise.js';
export type { Engine } from './member/engine.js';
export { Connections } from './members/connections.js';
export { Followers } from './members/followers.js';
export { Pausable } from './memory/pausable.js';
export { Contacts } from './observe/contacts.js';
export { explain } from './observe/explain.js';
export { SlowReads } from './observe/slow-reads.js';
export { Interrupt } from './snapshots/interrupt.js';
export { atLeisure, LEISURE_BYTES, LEISURE_MS, MOST_LEISURE } from './snapshots/leisure.js';
export { AppliedBytes } from './snapshots/policy.js';
export { Snapshots } from './snapshots/snapshots.js';
export { vouched } from './snapshots/vouched.js';
