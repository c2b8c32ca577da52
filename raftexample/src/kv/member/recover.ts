import type { NodeId } from '@raft-ts/raft';
import { type MemberContent, readMember } from '@raft-ts/raftwal';
import { type Position, type Replayed, replayLog, type SnapshotHead } from '@raft-ts/replica';
import { cannotOpen } from '../../common/bad-log.js';
import { asCoded } from '../../common/raft-code.js';
import { UsageError } from '../../common/usage.js';
import { FEATURES } from '../machine/features.js';
import { kvFormat } from '../machine/kv-format.js';
import { type KvCommand, KvMachine, type KvResult } from '../machine/kv-machine.js';
import { checkEmpty, type Disk, foundFolder } from './found-folder.js';
import { LARGEST_INLINE } from './options.js';

/** From what a cluster that has lost its majority begins anew. */
export interface RecoverOptions {
  /** The folder of a member that survived. It stays as it is. */
  readonly survivor: string;
  /** The founder of the new cluster; `undefined`: the survivor's id. */
  readonly id: NodeId | undefined;
  /** Where the others will reach it; `undefined`: where they reached the survivor. */
  readonly url: string | undefined;
  readonly clusterId: bigint;
  readonly data: string;
  /** Indexes that are left out after those of the survivor: the lost members may have given them out. */
  readonly skip: number;
  /** Forget the entries of which the survivor does not know that they were committed. */
  readonly committedOnly: boolean;
  /** Say what would be done, and write nothing. */
  readonly dryRun: boolean;
}

/** What a survivor holds, and what becomes of it. */
export interface RecoveryPlan {
  readonly survivor: NodeId;
  readonly formerClusterId: bigint;
  /** The last entry of its log. */
  readonly last: Position;
  /** The last entry of which it knew that it was committed. */
  readonly commit: number;
  /** The last entry that the new cluster keeps. */
  readonly kept: number;
  /** Was a write at the end of its log unfinished, and so never acknowledged? */
  readonly torn: boolean;
  readonly keys: number;
  /** Why entries were passed over that are none of the store's: the first few. */
  readonly skipped: readonly string[];
  /** How many more there were. */
  readonly moreSkipped: number;
  /** The other members, which the new cluster does not know. */
  readonly dropped: readonly NodeId[];
  /** The founder of the new cluster. */
  readonly id: NodeId;
  readonly url: string;
  /** Where the new log begins. */
  readonly begins: Position;
}

/** How a recovery is watched and ended. */
export interface Recovery {
  readonly stopping: AbortSignal;
  /** Hears what is kept and what is forgotten before anything is written. */
  readonly tell: (plan: RecoveryPlan) => void;
  readonly disk?: Disk;
}

/**
 * Makes the folder of the one founder of a new cluster out of what a survivor holds. The folder is there once it is
 * whole, and the survivor's own is not touched.
 * @throws UsageError if either folder cannot be used; CommandError if the survivor's log is damaged
 */
export async function recoverFolder(
  options: RecoverOptions,
  { stopping, tell, disk = {} }: Recovery,
): Promise<RecoveryPlan> {
  const { survivor, data } = options;
  await checkEmpty(data, disk);
  try {
    return await readMember(survivor, (content) => recoverFrom(content, options, { stopping, tell, disk }), disk);
  } catch (error) {
    throw cannotOpen(survivor, error);
  }
}

async function recoverFrom(
  content: MemberContent,
  options: RecoverOptions,
  { stopping, tell, disk }: Recovery,
): Promise<RecoveryPlan> {
  const { clusterId, data, dryRun } = options;
  const machine = new KvMachine();
  const owner = ownerOf(content, options);
  stopping.throwIfAborted();
  const { head, at, skipped, moreSkipped } = await replayed(content, machine, owner.nodeId, options);
  stopping.throwIfAborted();
  const plan = planOf(content, options, { owner, head, at, keys: machine.size, skipped, moreSkipped });
  tell(plan);
  if (dryRun) return plan;
  const { id, url, begins } = plan;
  // What is known to be large is not held to find that out.
  const inlineBytes = isLarge(content) ? 0 : LARGEST_INLINE;
  await foundFolder(data, { id, url, clusterId, at: begins, stateMachine: machine, former: head, inlineBytes }, disk);
  return plan;
}

interface Owner {
  readonly nodeId: NodeId;
  readonly clusterId: bigint;
}

function ownerOf({ identity, snapshot, hardState, entries }: MemberContent, options: RecoverOptions): Owner {
  const { survivor, clusterId } = options;
  if (identity === undefined) throw new UsageError(`the log in ${survivor} does not say whose it is`);
  if (hardState === undefined || (snapshot.metadata.index === 0 && entries.length === 0)) throw nothing(survivor);
  if (identity.clusterId === clusterId) {
    throw new UsageError(
      `${survivor} is of cluster ${clusterId}: what is recovered from it is another cluster, or the members that are lost could come back and be taken for its own. Pass another --cluster-id`,
    );
  }
  return identity;
}

type Skipped = Pick<RecoveryPlan, 'skipped' | 'moreSkipped'>;

/** Entries that were passed over and are told one by one. */
const TOLD_SKIPPED = 10;

async function replayed(
  content: MemberContent,
  machine: KvMachine,
  id: NodeId,
  { survivor, committedOnly }: RecoverOptions,
): Promise<Replayed & Skipped> {
  const upTo = committedOnly ? commitOf(content) : lastOf(content).index;
  const skipped: string[] = [];
  let moreSkipped = 0;
  const warn = (text: string): void => {
    if (skipped.length < TOLD_SKIPPED) skipped.push(text);
    else moreSkipped++;
  };
  try {
    const came = await replayLog<KvCommand, KvResult>({
      id,
      log: content,
      upTo,
      stateMachine: machine,
      format: kvFormat,
      features: FEATURES,
      logger: { warn },
    });
    return { ...came, skipped, moreSkipped };
  } catch (error) {
    if (asCoded(error)?.reason !== 'features') throw error;
    throw new UsageError(`${survivor} uses features that this version does not know. Update it`);
  }
}

function planOf(
  content: MemberContent,
  options: RecoverOptions,
  {
    owner,
    head,
    at,
    ...came
  }: { readonly owner: Owner; readonly head: SnapshotHead; readonly at: Position; readonly keys: number } & Skipped,
): RecoveryPlan {
  const { survivor } = options;
  if (head.members.length === 0) throw nothing(survivor);
  const known = head.members.find(([id]) => id === owner.nodeId);
  if (known === undefined) {
    throw new UsageError(
      `member ${owner.nodeId}, whose log is in ${survivor}, was removed from its cluster, so it may lack what came later. Recover from a member of ${head.members.map(([id]) => id).join(', ')}${unknownRemoval(content, at)}`,
    );
  }
  const last = lastOf(content);
  return {
    survivor: owner.nodeId,
    formerClusterId: owner.clusterId,
    last,
    commit: commitOf(content),
    kept: at.index,
    torn: content.damage !== undefined,
    ...came,
    dropped: head.members.map(([id]) => id).filter((id) => id !== owner.nodeId),
    id: options.id ?? owner.nodeId,
    url: options.url ?? known[1],
    begins: { index: last.index + options.skip, term: Math.max(last.term, content.hardState?.term ?? 0) },
  };
}

/** What to do if the removal may never have been committed. */
function unknownRemoval(content: MemberContent, at: Position): string {
  const commit = commitOf(content);
  if (at.index <= commit) return '';
  return `. If none of them is left: the removal may be among the entries after ${commit}, which are not known to be committed, and --committed-only forgets those`;
}

function nothing(survivor: string): UsageError {
  return new UsageError(`the log in ${survivor} holds nothing yet, so there is nothing to recover`);
}

function commitOf({ snapshot, hardState }: MemberContent): number {
  return Math.max(snapshot.metadata.index, hardState?.commit ?? 0);
}

function lastOf({ snapshot, entries }: MemberContent): Position {
  const { index, term } = entries.at(-1) ?? snapshot.metadata;
  return { index, term };
}

function isLarge({ snapshot: { data, metadata } }: MemberContent): boolean {
  return metadata.index > 0 && (data === undefined || data.length === 0);
}
