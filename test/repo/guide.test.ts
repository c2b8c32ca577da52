import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { SCENES } from '@raft-ts/view';
import { expect } from 'chai';

import { type Fence, fencesOf } from './fences.js';
import { type Finished, root, run } from './repository.js';
import { faultOf, type Output } from './shown-output.js';

/** A call of a program that a chapter shows, and what it prints. */
interface Call extends Output {
  readonly chapter: string;
  readonly line: number;
  readonly program: string;
}

/** For seven processes one after the other, on a machine that is busy with other things. */
const RUN_LIMIT_MS = 100_000;

const LANES = 3;

const guide = join(root, 'docs/guide');

/** The project of somebody who follows the guide. Inside test/dist it imports the packages as the tests do. */
const folder = join(root, 'test/dist/guide');

const chapters = readdirSync(guide)
  .filter((name) => /^\d\d-.*\.md$/.test(name))
  .sort();

const fences = new Map<string, readonly Fence[]>(
  ['README.md', ...chapters].map((name) => [name, fencesOf(name, readFileSync(join(guide, name), 'utf8'))]),
);

/** The files that the chapters write, in the order of the guide: ```` ```ts NAME.ts ````. */
function files(): readonly { readonly chapter: string; readonly name: string; readonly fence: Fence }[] {
  return chapters.flatMap((chapter) =>
    (fences.get(chapter) ?? []).flatMap((fence) => {
      const name = /^ts ([a-z-]+\.ts)$/.exec(fence.info)?.[1];
      return name === undefined ? [] : [{ chapter, name, fence }];
    }),
  );
}

/**
 * What the chapters run: ```` ```console ````, a line `$ node NAME.ts`, and all that it prints. After ````
 * ```console ids=member any=term,index ```` the numbers that follow these words are of that run.
 */
function calls(): readonly Call[] {
  return chapters.flatMap((chapter) =>
    (fences.get(chapter) ?? []).flatMap(({ info, line, code }) => {
      if (!info.startsWith('console')) return [];
      const words = /^console(?: ids=(\S+))?(?: any=(\S+))?$/.exec(info);
      const call = /^\$ node ([a-z-]+\.ts)\n/.exec(code);
      expect(words === null || call === null, `${chapter}:${line} is not a call of a program`).to.equal(false);
      const [ids, varying] = [words?.[1]?.split(',') ?? [], words?.[2]?.split(',') ?? []];
      return [{ chapter, line, program: call?.[1] as string, shown: code.slice(call?.[0].length), ids, varying }];
    }),
  );
}

/** The lines before a block are left empty: what the compiler says is then the document's own line. */
function writeProject(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, fence } of files())
    writeFileSync(join(folder, name), `${'\n'.repeat(fence.line - 1)}${fence.code}\n`);
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    lib: ['es2023', 'esnext.disposable', 'dom', 'dom.asynciterable'],
    types: ['node'],
    strict: true,
    // Node.js runs these files as they are.
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    rootDir: '.',
    outDir: 'compiled',
  };
  const list = files().map(({ name }) => name);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: list }));
}

/** The command of the guide where Node.js runs TypeScript, and otherwise the same on what the compiler makes of it. */
function argumentsOf(program: string): readonly string[] {
  if (Reflect.get(process.features, 'typescript') !== undefined)
    return ['--disable-warning=ExperimentalWarning', program];
  return [join('compiled', program.replace(/ts$/, 'js'))];
}

describe('the guide', () => {
  // The first call is asked for when the compiler is done, the last one when all others are.
  let compilerSays = '';

  const shown = calls();
  const runs = new Map<Call, Promise<Finished>>();

  before(async () => {
    writeProject();
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout, stderr } = await run(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder, timeoutMs: 60_000 });
    compilerSays = stdout + stderr;

    // The programs wait more than they work, so several run at a time.
    const lanes = Array.from({ length: LANES }, (): Promise<unknown> => Promise.resolve());
    const options = { cwd: folder, timeoutMs: RUN_LIMIT_MS };
    for (const [i, call] of shown.entries()) {
      const result = (lanes[i % LANES] as Promise<unknown>).then(() =>
        run(process.execPath, argumentsOf(call.program), options),
      );
      runs.set(call, result);
      lanes[i % LANES] = result;
    }
  });

  it('compiles', () => {
    expect(files()).not.to.be.empty;
    expect(compilerSays).to.equal('');
  });

  it('lists its chapters, and leads from each to the next', () => {
    const listed = [...readFileSync(join(guide, 'README.md'), 'utf8').matchAll(/^\d+\. \[.*?\]\((.*?)\)/gm)];
    expect(listed.map(([, name]) => name)).to.deep.equal(chapters);
    for (const [i, chapter] of chapters.entries()) {
      const text = readFileSync(join(guide, chapter), 'utf8');
      const [, head = ''] = text.split('\n\n');
      const near = ['README.md', chapters[i - 1], chapters[i + 1]].filter((name) => name !== undefined);
      expect(
        [...head.matchAll(/\((.*?)\)/g)].map(([, name]) => name),
        chapter,
      ).to.deep.equal(near);
      expect(text, chapter)
        .to.match(new RegExp(`^# ${i + 1}\\. `))
        .and.contain('\n## What just happened\n');
      expect(text, `${chapter} leads to no deeper page`).to.contain('\nMore: [');
    }
  });

  it('has a block for every file and one call in each chapter, and no block that is not tried', () => {
    const names = files().map(({ name }) => name);
    expect(names).to.have.members([...new Set(names)]);
    expect(shown.map(({ chapter }) => chapter)).to.deep.equal(chapters);
    const tried = files().length + shown.length;
    expect(chapters.flatMap((chapter) => fences.get(chapter))).to.have.lengthOf(tried);
  });

  it('names scenes of the view that there are', () => {
    const named = chapters.flatMap((chapter) => {
      const text = readFileSync(join(guide, chapter), 'utf8').replaceAll(/\s+/g, ' ');
      const [, after = ''] = text.split('In [the view](../../view/README.md): ');
      return [...after.matchAll(/"([^"]+)"/g)].map(([, title]) => title);
    });
    expect(named).to.have.length.above(4);
    expect(SCENES.map(({ title }) => title)).to.include.members(named);
  });

  for (const call of shown) {
    it(`docs/guide/${call.chapter}:${call.line} prints what is shown`, async () => {
      expect(existsSync(join(folder, call.program)), `no chapter has ${call.program}`).to.equal(true);
      const { code, stdout, stderr } = (await runs.get(call)) as Finished;
      const ended = code === null ? `did not end within ${RUN_LIMIT_MS} ms` : `exit code ${code}`;
      expect(ended, `${stdout}\n${stderr}`).to.equal('exit code 0');
      expect(stderr, 'nothing is said beside what is shown').to.equal('');
      expect(faultOf(stdout, call), stdout).to.equal(undefined);
    });
  }
});
