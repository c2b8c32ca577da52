/** For tests and sibling packages; may change with any release. */
export {
  badArgument,
  checkBytes,
  checkId,
  checkList,
  checkMessages,
  checkOptionalBytes,
  checkPosition,
  checkRecord,
  checkText,
  confChangeFault,
  confStateFault,
  entriesFault,
  entryFault,
  type Fault,
  hardStateFault,
  isBytes,
  isPosition,
  messageFault,
  positionFault,
  recordFault,
  refuseFault,
  snapshotFault,
  within,
} from './arguments.js';
export { crc32cByTables } from './crc32c.js';
export { decodeEntryView, decodeMessageInTurns } from './decode.js';
export { describeError } from './describe-error.js';
export { encodeEntryHeadInto, encodeEntryInto, encodeHardStateInto, encodeMessageInto } from './encode.js';
export { countWithin, EntryList } from './entry-list.js';
export { codeOf, hasCode, isCoded } from './error-code.js';
export { FOUNDING_TERM, isFoundingEntry } from './founding.js';
export { MESSAGE_SLAB_SIZE, SLAB_SIZE } from './slab.js';
export { SlidingList } from './sliding-list.js';
export { ERR_SNAPSHOT_MEMBERSHIP, snapshotMembership } from './snapshot-membership.js';
export {
  ERR_COMPACTED,
  ERR_SNAP_OUT_OF_DATE,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  ERR_UNAVAILABLE,
  type StorageErrorCode,
  storageError,
  storageErrorText,
} from './storage-errors.js';
export { type MessageHead, surveyMessage } from './survey.js';
export { high, low, numberSize, readVarint, TRUNCATED, writeHalves, writeNumber } from './varint.js';
