import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { compileSource } from './patch.js';

/** The packages that are compiled anew, so that one of their sources can be replaced. */
const packages = ['proto', 'raft', 'raftwal', 'rafthttp', 'replica', 'sim', 'raftexample'];

/** Where the compiled form of a source lies, both from the repository's root. */
export function outputOf(source: string): string {
  return source.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
}

/** Every source of the packages that are compiled anew, with its JavaScript. */
export async function compileSources(root: string): Promise<ReadonlyMap<string, string>> {
  const sources = packages.flatMap((name) =>
    readdirSync(join(root, name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${name}/src/${file}`),
  );
  const compiled = sources.map(async (source): Promise<[string, string]> => {
    return [source, await compileSource(readFileSync(join(root, source), 'utf8'))];
  });
  return new Map(await Promise.all(compiled));
}

/**
 * A copy of the repository in which the tests can run against a changed source. Node.js finds a package from the
 * real place of the file that imports it, so what imports a changed package is copied; everything else is linked.
 */
export class Copy {
  readonly root: string;
  private readonly compiled: ReadonlyMap<string, string>;
  private bundled = false;

  /** @param folder an empty folder; the copy of the repository comes beside what stands beside the repository */
  constructor(original: string, folder: string, compiled: ReadonlyMap<string, string>) {
    this.root = join(folder, 'repository');
    this.compiled = compiled;
    const modules = join(this.root, 'node_modules');
    mkdirSync(join(modules, '@raft-ts'), { recursive: true });
    for (const name of readdirSync(join(original, 'node_modules'))) {
      if (!name.startsWith('.') && name !== '@raft-ts') {
        symlinkSync(join(original, 'node_modules', name), join(modules, name));
      }
    }
    for (const name of packages) {
      mkdirSync(join(this.root, name));
      for (const file of readdirSync(join(original, name))) {
        if (['dist', 'node_modules', 'src'].includes(file)) continue;
        cpSync(join(original, name, file), join(this.root, name, file), { recursive: true });
      }
      // Tests read the tables in the comments of the sources.
      symlinkSync(join(original, name, 'src'), join(this.root, name, 'src'));
      symlinkSync(join(this.root, name), join(modules, '@raft-ts', name));
    }
    for (const [source, code] of compiled) this.write(source, code);
    for (const name of readdirSync(original)) {
      const apart = name.startsWith('.') || name === 'node_modules' || name === 'test' || packages.includes(name);
      if (!apart) cpSync(join(original, name), join(this.root, name), { recursive: true });
    }
    mkdirSync(join(this.root, 'test'));
    for (const name of readdirSync(join(original, 'test'))) {
      const [from, to] = [join(original, 'test', name), join(this.root, 'test', name)];
      if (name !== 'dist') symlinkSync(from, to);
      else cpSync(from, to, { recursive: true, filter: (file) => !/\.(d\.ts|map)$/.test(file) });
    }
    const shared = join(original, '../shared');
    if (existsSync(shared)) symlinkSync(shared, join(folder, 'shared'));
  }

  /** Puts this JavaScript in the place of a source's. */
  write(source: string, code: string): void {
    const output = join(this.root, outputOf(source));
    mkdirSync(join(output, '..'), { recursive: true });
    writeFileSync(output, code);
    this.bundled = false;
  }

  /** Undoes `write`. */
  restore(source: string): void {
    this.write(source, this.compiled.get(source) as string);
  }

  /** Makes ready for these tests: those that start programs need them bundled from what is here now. */
  prepare(specs: readonly string[]): void {
    if (this.bundled || !specs.some((spec) => /^test\/dist\/(chaos|interop|raftexample)\//.test(spec))) return;
    execFileSync(process.execPath, [join(this.root, 'scripts/programs.mjs')]);
    this.bundled = true;
  }

  /** Every compiled test file, from the root of the copy. */
  specs(): string[] {
    return readdirSync(join(this.root, 'test/dist'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.js'))
      .map((file) => `test/dist/${file}`)
      .sort();
  }

  remove(): void {
    rmSync(join(this.root, '..'), { recursive: true, force: true });
  }
}
