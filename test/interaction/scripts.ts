import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Names that etcd's directory walk leaves out: hidden files and what editors leave behind. */
function isLeftOut(name: string): boolean {
  return name.startsWith('.') || name.endsWith('~') || (name.startsWith('#') && name.endsWith('#'));
}

/**
 * The scripts that a path names: itself, or, for a folder, every file below it in alphabetical order.
 * @param directory what the path is relative to
 * @throws if the path does not exist
 */
export function listScripts(directory: string, path: string): string[] {
  if (!statSync(resolve(directory, path)).isDirectory()) {
    return [path];
  }
  return readdirSync(resolve(directory, path))
    .filter((name) => !isLeftOut(name))
    .sort()
    .flatMap((name) => listScripts(directory, join(path, name)));
}
