import { RaftError } from '@raft-ts/proto';
import { isConfChangeEntry } from './confchange/conf-change.js';
import { ERR_CONFIG } from './errors.js';
import { applyConfChangeEntry } from './membership.js';
import type { Raft } from './raft.js';
import type { InitialState } from './storage.js';

type Reach = Pick<Raft, 'raftLog' | 'maxMsgSize'> & Parameters<typeof applyConfChangeEntry>[0];

function refuse(reason: string, text: string): never {
  throw new RaftError(ERR_CONFIG, text, { reason });
}

/**
 * Continues after the last entry that the application has applied, according to Config.applied.
 *
 * The commit index is written lazily, because it can be learned again; so after a crash the application may have
 * applied more than storage knows to be committed. What was applied was committed, and committed entries stay so, which
 * is why the commit index is raised. Membership changes up to there are not handed out again; those that the stored
 * ConfState does not include yet are read from the log and carried out here.
 *
 * @throws ERR_RAFT_CONFIG with reason `applied-beyond-log`, `applied-before-log` or `conf-state-index`
 */
export function resumeAfter(r: Reach, applied: number, { confStateIndex }: InitialState): void {
  const { raftLog } = r;
  const first = raftLog.firstIndex();
  const last = raftLog.lastIndex();
  if (applied > last) {
    refuse(
      'applied-beyond-log',
      `applied ${applied} is beyond the log, which ends at ${last}: the log has lost entries that the application has applied; ` +
        'do not start this member under its id again, unless the log is recovered',
    );
  }
  if (applied < first - 1) {
    refuse(
      'applied-before-log',
      `applied ${applied} is before the log, which begins after the snapshot at ${first - 1}: ` +
        'restore the application from the stored snapshot, and pass its index as applied',
    );
  }
  const known = confStateIndex ?? snapshotIndex(r, first - 1);
  if (known !== undefined && (known < first - 1 || known > last)) {
    refuse('conf-state-index', `confStateIndex ${known} is outside the log, ${first - 1} to ${last}`);
  }
  if (applied > raftLog.committed) {
    r.logger.info(
      `${r.id.toString(16)} raised its commit from ${raftLog.committed} to ${applied}, which the application has applied`,
    );
    raftLog.commitTo(applied);
  }
  raftLog.appliedTo(applied, 0);
  carryOutChanges(r, known, applied);
}

/** The index of the stored snapshot, or of the last compacted entry if that is higher. */
function snapshotIndex({ raftLog }: Reach, compacted: number): number | undefined {
  const snapshot = raftLog.snapshot();
  return snapshot && Math.max(snapshot.metadata.index, compacted);
}

/** @param known index at which the stored ConfState holds; undefined if the snapshot is temporarily unavailable */
function carryOutChanges(r: Reach, known: number | undefined, applied: number): void {
  const from = known ?? r.raftLog.firstIndex() - 1;
  const why = r.raftLog.scan(from + 1, applied + 1, r.maxMsgSize, (page) => {
    for (const entry of page) {
      if (!isConfChangeEntry(entry)) continue;
      if (known === undefined) {
        refuse(
          'conf-state-index',
          `entry ${entry.index} changes the membership, and without a snapshot it is unknown whether the stored ConfState includes that: ` +
            'initialState() of the storage must return the confStateIndex',
        );
      }
      applyConfChangeEntry(r, entry);
    }
    return false;
  });
  if (typeof why === 'string') refuse('conf-state-index', `membership changes up to ${applied} cannot be read: ${why}`);
}
