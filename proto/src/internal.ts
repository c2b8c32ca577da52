/** For tests and sibling packages: no promise of compatibility. */
export {
  badArgument,
  checkBytes,
  checkId,
  checkList,
  checkOptionalBytes,
  checkPosition,
  checkRecord,
  checkText,
  confChangeFault,
  confStateFault,
  entriesFault,
  type Fault,
  hardStateFault,
  isBytes,
  isId,
  isPosition,
  messageFault,
  refuseFault,
  snapshotFault,
} from './arguments.js';
export { MESSAGE_SLAB_SIZE, SLAB_SIZE } from './slab.js';
export { ERR_SNAPSHOT_MEMBERSHIP, snapshotMembership } from './snapshot-membership.js';
