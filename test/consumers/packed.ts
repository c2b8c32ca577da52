import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { readManifest, root, run, workspaceFolders } from '../repo/repository.js';

/** Runs npm in a folder, and throws what it says if it fails. */
export async function npm(args: readonly string[], cwd: string, timeoutMs = 60_000): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  const { code, stdout, stderr } = await run('npm', [...args, ...quiet], { cwd, timeoutMs });
  if (code !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/** The folders of the packages that a program may import, raftexample being commands only. */
export const libraries: readonly string[] = workspaceFolders
  .map((folder) => join(root, folder))
  .filter((folder) => readManifest(folder).exports?.['.'] !== undefined);

/** Packs packages, given by the whole paths of their folders, as they are built. Returns the paths of the tarballs. */
export async function pack(folders: readonly string[], target: string): Promise<readonly string[]> {
  await mkdir(target, { recursive: true });
  await npm(['pack', ...folders, '--ignore-scripts', '--pack-destination', target], root);
  return (await readdir(target)).map((file) => join(target, file));
}

/**
 * Gives `folder` what an installation would, without a registry: the packages as they are published, and links to what
 * is installed here.
 */
export async function putBesideInstalled(folder: string): Promise<void> {
  await linkInstalled(folder, libraries);
  // At once: each call of npm takes a second before it begins.
  const files = await pack(libraries, join(folder, 'tarballs'));
  for (const library of libraries) {
    const start = `${readManifest(library).name.replace('@', '').replace('/', '-')}-`;
    const [tarball, ...others] = files.filter((file) => new RegExp(`^${start}\\d`, 'u').test(basename(file)));
    if (tarball === undefined || others.length > 0) throw new Error(`${files.join(', ')}: which is ${library}?`);
    await unpack(tarball, library, folder);
  }
}

/** Links what is installed here, but for the packages of these folders and those that nobody may import. */
export async function linkInstalled(folder: string, without: readonly string[] = []): Promise<void> {
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@raft-ts'), { recursive: true });
  const here = join(root, 'node_modules');
  for (const name of await readdir(here)) {
    if (name !== '@raft-ts' && !name.startsWith('.')) await symlink(join(here, name), join(modules, name));
  }
  for (const library of libraries.filter((each) => !without.includes(each))) {
    await symlink(library, join(modules, readManifest(library).name));
  }
}

/** Puts a package as it is published among those that are installed in `folder`. Returns where it is. */
export async function putPacked(library: string, folder: string): Promise<string> {
  const [tarball] = await pack([library], join(folder, 'tarballs', basename(library)));
  return unpack(tarball as string, library, folder);
}

async function unpack(tarball: string, library: string, folder: string): Promise<string> {
  const place = join(folder, 'node_modules', readManifest(library).name);
  await mkdir(place);
  const { code, stderr } = await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1'], {
    cwd: folder,
    timeoutMs: 60_000,
  });
  if (code !== 0) throw new Error(`tar: ${stderr}`);
  return place;
}

/** Puts the programs of this folder where a consumer's would stand. */
export async function putPrograms(folder: string): Promise<void> {
  const [sources, built] = [join(root, 'test/consumers'), join(root, 'test/dist/consumers')];
  await cp(join(sources, 'app'), folder, { recursive: true });
  for (const name of ['memory-cluster.js', 'whole.js']) await cp(join(built, name), join(folder, name));
  for (const name of ['types-core.ts', 'types-log.ts', 'types-transport.ts']) {
    await cp(join(sources, name), join(folder, name));
  }
}
