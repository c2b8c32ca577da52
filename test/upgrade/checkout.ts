/** Another version of this repository, built in a folder of its own. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root, run, workspaceFolders } from '../repo/repository.js';

const BUILD_MS = 600_000;

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, [...args], { cwd, timeoutMs: BUILD_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout.trim();
}

/** A commit, or why there is none: because this is no whole clone, or because nothing is called like that. */
export type Found =
  | { readonly kind: 'commit'; readonly commit: string }
  | { readonly kind: 'not-here' | 'unknown'; readonly why: string };

/** Finds the commit that is meant. Default: the last tag before this commit, or the commit before it. */
export async function commitOf(from: string | undefined): Promise<Found> {
  const git = (...args: string[]): ReturnType<typeof run> => run('git', args, { cwd: root, timeoutMs: 60_000 });
  if ((await git('rev-parse', '--git-dir')).code !== 0)
    return { kind: 'not-here', why: 'this is no clone of a git repository' };
  const tag = await git('describe', '--tags', '--abbrev=0', 'HEAD^');
  const asked = from ?? (tag.code === 0 ? tag.stdout.trim() : 'HEAD^');
  const { code, stdout } = await git('rev-parse', '--verify', '--quiet', `${asked}^{commit}`);
  if (code === 0) return { kind: 'commit', commit: stdout.trim() };
  const isShallow = (await git('rev-parse', '--is-shallow-repository')).stdout.trim() === 'true';
  return isShallow
    ? { kind: 'not-here', why: `this clone is shallow and has no ${asked}: git fetch --unshallow gets it` }
    : { kind: 'unknown', why: `there is no commit ${asked}` };
}

/** Puts the files of a commit into a folder, and builds the store there. Returns the path of its program. */
export async function build(commit: string, folder: string): Promise<string> {
  const archive = join(folder, 'sources.tar');
  await must('git', ['archive', '--format=tar', '-o', archive, commit], root);
  await must('tar', ['-xf', archive, '-C', folder], root);
  if (sameLock(folder)) linkInstalled(folder);
  else await must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
  await must(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-b', 'raftexample'], folder);
  return join(folder, 'raftexample/bin/raftexample.js');
}

function sameLock(folder: string): boolean {
  const [here, there] = [root, folder].map((one) => readFileSync(join(one, 'package-lock.json'), 'utf8'));
  return here === there;
}

/** What is installed here is what that version wants; only its own packages are its own. */
function linkInstalled(folder: string): void {
  for (const at of ['', ...workspaceFolders]) {
    const here = join(root, at, 'node_modules');
    if (!existsSync(here) || !existsSync(join(folder, at))) continue;
    const there = join(folder, at, 'node_modules');
    mkdirSync(there);
    for (const name of readdirSync(here)) {
      if (name !== '@raft-ts' && !name.startsWith('.')) symlinkSync(join(here, name), join(there, name));
    }
  }
  const own = join(folder, 'node_modules/@raft-ts');
  mkdirSync(own);
  for (const name of workspaceFolders)
    if (existsSync(join(folder, name))) symlinkSync(join(folder, name), join(own, name));
}
