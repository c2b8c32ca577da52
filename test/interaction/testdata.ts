import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ETCD_KINDS, type EtcdKind } from './kinds.js';

/** The version of etcd's raft whose scripts are answered. */
export const ETCD_RAFT = 'go.etcd.io/raft/v3@v3.7.0';

/** Folders of etcd's scripts by kind, and where they were found. */
export interface Testdata {
  readonly source: string;
  readonly folders: ReadonlyMap<EtcdKind, string>;
}

/** The root of this repository, seen from the compiled tests. */
export const repositoryRoot: string = resolve(import.meta.dirname, '../../..');

/** The folders below `root`, laid out one per kind or as in the Go module; `undefined` if one is missing. */
function foldersBelow(root: string): ReadonlyMap<EtcdKind, string> | undefined {
  const folders = new Map<EtcdKind, string>();
  for (const kind of ETCD_KINDS) {
    const module = kind === 'interaction' ? join(root, 'testdata') : join(root, kind, 'testdata');
    const folder = [module, join(root, kind)].find((candidate) => existsSync(candidate));
    if (folder === undefined) {
      return undefined;
    }
    folders.set(kind, folder);
  }
  return folders;
}

/** The folder of the published Go module, downloaded if Go is present; else why there is none. */
function downloadModule(): { root: string } | { problem: string } {
  try {
    const answer = execFileSync('go', ['mod', 'download', '-json', ETCD_RAFT], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    });
    return { root: (JSON.parse(answer) as { Dir: string }).Dir };
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { problem: absent ? 'Go is not installed' : `go mod download failed: ${(error as Error).message}` };
  }
}

/**
 * etcd's own scripts: from the folder that RAFT_TESTDATA names, else from `../shared/etcd-raft-testdata` beside this
 * repository, else from the published Go module; if there are none, a text that says why.
 */
export function findTestdata(): Testdata | string {
  const named = process.env['RAFT_TESTDATA'];
  if (named !== undefined && named !== '') {
    const folders = foldersBelow(named);
    return folders === undefined ? `RAFT_TESTDATA=${named} lacks a folder of scripts` : { source: named, folders };
  }
  const shared = resolve(repositoryRoot, '../shared/etcd-raft-testdata');
  const sharedFolders = foldersBelow(shared);
  if (sharedFolders !== undefined) {
    return { source: shared, folders: sharedFolders };
  }
  const download = downloadModule();
  if ('problem' in download) {
    return `no RAFT_TESTDATA, no ../shared/etcd-raft-testdata, and ${download.problem}`;
  }
  const folders = foldersBelow(download.root);
  return folders === undefined ? `${ETCD_RAFT} has no scripts` : { source: ETCD_RAFT, folders };
}
