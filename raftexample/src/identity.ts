import { randomUUID } from 'node:crypto';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeId } from '@raft-ts/raft';
import { MAX_FOUNDERS } from '@raft-ts/rafthttp/internal';
import { systemError } from '@raft-ts/raftwal';
import { parseId } from './peers.js';
import { UsageError } from './usage.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

/** What is kept beside a log, and tells it from others. */
export interface Identity {
  /**
   * A random name of this log. Peers remember the first that they met of each member and refuse another, so a member whose
   * folder was emptied cannot vote a second time in terms that it has forgotten.
   */
  readonly incarnation: string;
  /**
   * The members that the cluster was founded by: those that the flags named when the log began. They stay what they are,
   * whatever the flags say later and whoever joins or leaves. Undefined if the folder does not say; then nobody checks.
   */
  readonly founders: readonly NodeId[] | undefined;
}

/**
 * Reads what is kept beside the log in this folder.
 *
 * @param isNew there is no log yet: then both are written anew, whatever a former log left
 * @param founders those of a new cluster
 * @throws UsageError if the founders cannot be read
 */
export async function readIdentity(dir: string, isNew: boolean, founders: readonly NodeId[]): Promise<Identity> {
  const kept = isNew ? undefined : await readIfThere(join(dir, 'incarnation'));
  const isKept = kept !== undefined && UUID.test(kept);
  const incarnation = isKept ? kept : randomUUID();
  if (!isKept) await keep(dir, 'incarnation', incarnation);
  if (!isNew) return { incarnation, founders: readFounders(dir, await readIfThere(join(dir, 'founders'))) };
  await keep(dir, 'founders', founders.join(','));
  return { incarnation, founders };
}

/** It must not be another one after a power cut: written aside, on the disk, and only then under its name. */
async function keep(dir: string, name: string, text: string): Promise<void> {
  const path = join(dir, name);
  try {
    await writeFile(`${path}.tmp`, `${text}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.tmp`, path);
    const folder = await open(dir);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw systemError('write', path, error);
  }
}

function readFounders(dir: string, text: string | undefined): readonly NodeId[] | undefined {
  const path = join(dir, 'founders');
  if (text === undefined) return undefined;
  const ids = text.split(',', MAX_FOUNDERS + 1);
  try {
    if (ids.length <= MAX_FOUNDERS) return ids.map((id) => parseId(path, id));
  } catch {
    // What it holds instead is of no use to anybody.
  }
  throw new UsageError(`${path} must hold the members that the cluster began with, such as 1,2,3: write them there`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
}
