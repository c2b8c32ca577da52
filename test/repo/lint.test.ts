import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { root, run, scratchFolder, workspaceFolders } from './repository.js';

interface Case {
  readonly title: string;
  readonly file: string;
  readonly code: string;
  /** The rule that must speak up; undefined: none may. */
  readonly rule?: string;
}

const imports = 'raft-ts(imports)';
const globals = 'raft-ts(globals)';
const rooms = 'raft-ts(rooms)';
const synchronous = 'raft-ts(synchronous)';
const commentWidth = 'raft-ts(comment-width)';
const floating = 'typescript(no-floating-promises)';

/** A line that ends in a comment and has this many columns. */
function commentTo(columns: number): string {
  return `export const one = 1; // ${'c'.repeat(columns - 'export const one = 1; // '.length)}`;
}

const layers: readonly Case[] = [
  { title: 'proto imports raft', file: 'proto/src', code: `export * from '@raft-ts/raft';`, rule: imports },
  { title: 'proto imports node', file: 'proto/src', code: `export { readFileSync } from 'node:fs';`, rule: imports },
  { title: 'raft imports rafthttp', file: 'raft/src', code: `export * from '@raft-ts/rafthttp';`, rule: imports },
  {
    title: 'raft imports a type of rafthttp',
    file: 'raft/src',
    code: `export type { HttpTransport } from '@raft-ts/rafthttp';`,
    rule: imports,
  },
  {
    title: 'raft imports protobufjs, which is proto’s',
    file: 'raft/src',
    code: `import protobuf from 'protobufjs/minimal.js';\nexport const { Writer } = protobuf;`,
    rule: imports,
  },
  {
    title: 'raft reaches into proto past its doors',
    file: 'raft/src',
    code: `export { newMessage } from '../../proto/src/records.js';`,
    rule: imports,
  },
  {
    title: 'raft names a module of proto that is no door',
    file: 'raft/src',
    code: `export { newMessage } from '@raft-ts/proto/dist/records.js';`,
    rule: imports,
  },
  {
    title: 'raft writes a type as import(…) of a higher layer',
    file: 'raft/src',
    code: `export type T = import('@raft-ts/rafthttp').HttpTransport;`,
    rule: imports,
  },
  {
    title: 'rafthttp imports a value of raft',
    file: 'rafthttp/src',
    code: `export { isEmptySnap } from '@raft-ts/raft';`,
    rule: imports,
  },
  {
    title: 'rafthttp imports a value of raft beside a type',
    file: 'rafthttp/src',
    code: `import { isEmptySnap, type Node } from '@raft-ts/raft';\nexport const f = (n: Node): unknown => isEmptySnap(n as never);`,
    rule: imports,
  },
  {
    title: 'rafthttp loads raft when it runs',
    file: 'rafthttp/src',
    code: `export const load = (): Promise<unknown> => import('@raft-ts/raft');`,
    rule: imports,
  },
  {
    title: 'rafthttp imports the example',
    file: 'rafthttp/src',
    code: `export * from '@raft-ts/raftexample/internal';`,
    rule: imports,
  },
  {
    title: 'the example imports what only tests may',
    file: 'raftexample/src',
    code: `export { expect } from 'chai';`,
    rule: imports,
  },
  {
    title: 'a test reaches into a package past its doors',
    file: 'test/raft',
    code: `export { Raft } from '../../raft/src/raft.js';`,
    rule: imports,
  },
];

const betweenRooms: readonly Case[] = [
  {
    title: 'a room of raftwal imports from one above it',
    file: 'raftwal/src/format',
    code: `export { judge } from '../read/damage.js';`,
    rule: rooms,
  },
  {
    title: 'a room of raftwal imports a type from one beside it',
    file: 'raftwal/src/write',
    code: `export type { Damage } from '../read/damage.js';`,
    rule: rooms,
  },
  {
    title: 'a room of raftwal loads a module of one above it when it runs',
    file: 'raftwal/src/base',
    code: `export const load = (): Promise<unknown> => import('../format/record.js');`,
    rule: rooms,
  },
  {
    title: 'a room of raftwal imports from the door',
    file: 'raftwal/src/read',
    code: `export { Wal } from '../wal.js';`,
    rule: rooms,
  },
  {
    title: 'a room of raftwal writes a type as import(…) of the door',
    file: 'raftwal/src/read',
    code: `export type T = import('../wal.js').Wal;`,
    rule: rooms,
  },
  {
    title: 'the door of raftwal imports from the commands',
    file: 'raftwal/src/case.ts',
    code: `export { main } from './cli/main.js';`,
    rule: rooms,
  },
  {
    title: 'what dials a peer imports from what answers',
    file: 'rafthttp/src/peer',
    code: `export { refuseCluster } from '../serve/sender-checks.js';`,
    rule: rooms,
  },
  {
    title: 'what dials a peer imports a type from what answers',
    file: 'rafthttp/src/peer',
    code: `export type { RoutesOwner } from '../serve/owner.js';`,
    rule: rooms,
  },
  {
    title: 'a codec of rafthttp imports from the member that uses it',
    file: 'rafthttp/src/codec',
    code: `export { Gateway } from '../member/gateway.js';`,
    rule: rooms,
  },
  {
    title: 'a room of rafthttp imports from the door',
    file: 'rafthttp/src/snapshot',
    code: `export type { HttpTransportOptions } from '../options.js';`,
    rule: rooms,
  },
  {
    title: 'a room that is not listed imports something',
    file: 'raftwal/src/attic',
    code: `export { WalError } from '../base/errors.js';`,
    rule: rooms,
  },
];

const core: readonly Case[] = [
  { title: 'node:fs', file: 'raft/src', code: `export { readFileSync } from 'node:fs';`, rule: imports },
  { title: 'fs', file: 'raft/src', code: `export { readFileSync } from 'fs';`, rule: imports },
  { title: 'node:fs at run time', file: 'raft/src', code: `void import('node:fs');`, rule: imports },
  { title: 'setTimeout', file: 'raft/src', code: `setTimeout(() => undefined, 1);`, rule: globals },
  { title: 'setInterval', file: 'raft/src', code: `setInterval(() => undefined, 1);`, rule: globals },
  { title: 'queueMicrotask', file: 'raft/src', code: `queueMicrotask(() => undefined);`, rule: globals },
  { title: 'Date.now', file: 'raft/src', code: `export const now = Date.now();`, rule: globals },
  { title: 'new Date', file: 'raft/src', code: `export const now = new Date();`, rule: globals },
  { title: 'globalThis.Date', file: 'raft/src', code: `export const now = globalThis.Date.now();`, rule: globals },
  { title: 'performance', file: 'raft/src', code: `export const now = performance.now();`, rule: globals },
  { title: 'Math.random', file: 'raft/src', code: `export const draw = Math.random();`, rule: globals },
  { title: "Math['random']", file: 'raft/src', code: `export const draw = Math['random']();`, rule: globals },
  { title: 'random taken out of Math', file: 'raft/src', code: `export const { random } = Math;`, rule: globals },
  {
    title: 'an alias of Math',
    file: 'raft/src',
    code: `const m = Math;\nexport const draw = m.random();`,
    rule: globals,
  },
  {
    title: 'crypto outside config.ts',
    file: 'raft/src',
    code: `export const id = crypto.randomUUID();`,
    rule: globals,
  },
  { title: 'console', file: 'raft/src', code: `console.log('a');`, rule: globals },
  { title: 'process', file: 'raft/src', code: `export const env = process.env;`, rule: globals },
  { title: 'fetch', file: 'raft/src', code: `void fetch('http://127.0.0.1/');`, rule: globals },
  { title: 'import.meta', file: 'raft/src', code: `export const here = import.meta.url;`, rule: globals },
  { title: 'Promise outside node.ts', file: 'raft/src', code: `export const p = Promise.resolve();`, rule: globals },
  {
    title: 'an async function outside node.ts',
    file: 'raft/src',
    code: `export async function f(): Promise<void> {}`,
    rule: synchronous,
  },
  {
    title: 'an async method outside node.ts',
    file: 'raft/src',
    code: `export class C {\n  async m(): Promise<void> {}\n}`,
    rule: synchronous,
  },
  {
    title: 'await outside node.ts',
    file: 'raft/src',
    code: `declare const p: PromiseLike<number>;\nexport const n = await p;`,
    rule: synchronous,
  },
  { title: 'a clock in config.ts', file: 'raft/src/config.ts', code: `export const n = Date.now();`, rule: globals },
  { title: 'a timer in node.ts', file: 'raft/src/node.ts', code: `setTimeout(() => undefined, 1);`, rule: globals },
  {
    title: 'a timer in the in-memory transport',
    file: 'raft/src/memory-transport.ts',
    code: `setTimeout(() => undefined, 1);`,
    rule: globals,
  },
];

const everywhere: readonly Case[] = workspaceFolders.map((folder) => ({
  title: `${folder}: a promise that nobody waits for`,
  file: folder === 'test' ? 'test/raft' : `${folder}/src`,
  code: `declare function save(): Promise<void>;\nexport function f(): void {\n  save();\n}`,
  rule: floating,
}));

const comments: readonly Case[] = [
  { title: 'a comment that goes to column 121', file: 'raft/src', code: commentTo(121), rule: commentWidth },
  {
    title: 'the second line of a long docstring',
    file: 'rafthttp/src/base',
    code: `/**
 * One.
 * ${'c'.repeat(118)}
 */
export const one = 1;`,
    rule: commentWidth,
  },
];

const allowed: readonly Case[] = [
  { title: 'a comment goes to column 120', file: 'raft/src', code: commentTo(120) },
  {
    title: 'a long line that holds no comment',
    file: 'raft/src',
    code: `export const text = '//${'t'.repeat(120)}';`,
  },
  {
    title: 'raft imports proto by its doors and itself',
    file: 'raft/src',
    code: `import { newMessage } from '@raft-ts/proto';\nexport { helper } from './allowed/helper.js';\nexport const f = newMessage;`,
  },
  {
    title: 'rafthttp imports types of raft',
    file: 'rafthttp/src',
    code: `import type { Node } from '@raft-ts/raft';\nimport { type Transport } from '@raft-ts/raft/transport';\nexport type Both = Node & Transport;`,
  },
  {
    title: 'the core computes',
    file: 'raft/src',
    code: `export const f = (a: readonly number[]): number => Math.max(...a, Number.MAX_SAFE_INTEGER);`,
  },
  {
    title: 'config.ts seeds its random source',
    file: 'raft/src/config.ts',
    code: `export const seed = crypto.getRandomValues(new Uint32Array(1));`,
  },
  {
    title: 'a name of the module’s own hides a global',
    file: 'raft/src',
    code: `export function f(process: () => void): void {\n  process();\n}`,
  },
  {
    title: 'an interface speaks of promises',
    file: 'raft/src',
    code: `export interface Door {\n  stop(signal: AbortSignal): Promise<void>;\n}`,
  },
  {
    title: 'a room of raftwal imports from itself and from below',
    file: 'raftwal/src/read',
    code: `export { WalError } from '../base/errors.js';\nexport { judge } from './damage.js';`,
  },
  {
    title: 'what answers imports from what dials a peer',
    file: 'rafthttp/src/serve',
    code: `export type { Peer } from '../peer/peer.js';\nexport { formatId } from '../base/headers.js';`,
  },
  {
    title: 'a test imports every package by its doors',
    file: 'test/raft',
    code: `export * as a from '@raft-ts/raft';\nexport * as b from '@raft-ts/rafthttp/internal';\nexport { expect } from 'chai';`,
  },
];

/** oxlint's JSON report, as far as it is read here. */
interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string; readonly message: string }[];
}

/** Where a case's code stands. Its own folder keeps it from the others; a file that is named must have that name. */
function pathOf({ file }: Case, index: number): string {
  return file.endsWith('.ts') ? file : `${file}/case-${index}.ts`;
}

/** Lint the cases in a folder that has this repository's configuration and nothing else. */
async function lint(cases: readonly Case[]): Promise<readonly (readonly string[])[]> {
  const { path: folder, remove } = await scratchFolder();
  try {
    const configuration = ['.oxlintrc.json', 'scripts/lint-rules.mjs', 'package.json', 'tsconfig.base.json'];
    const perWorkspace = workspaceFolders.flatMap((name) => [`${name}/package.json`, `${name}/tsconfig.json`]);
    for (const file of [...configuration, ...perWorkspace]) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await copyFile(join(root, file), join(folder, file));
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [index, one] of cases.entries()) {
      const file = join(folder, pathOf(one, index));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${one.code}\n`);
    }
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const { stdout, stderr } = await run(oxlint, ['--format', 'json', ...workspaceFolders], {
      cwd: folder,
      timeoutMs: 30_000,
    });
    expect(stdout, stderr).to.match(/^\s*\{/);
    const { diagnostics } = JSON.parse(stdout) as Report;
    return cases.map((one, index) =>
      diagnostics.filter(({ filename }) => filename === pathOf(one, index)).map(({ code }) => code),
    );
  } finally {
    await remove();
  }
}

describe('the lint rules', () => {
  for (const [title, cases] of Object.entries({
    'refuse what breaks the layers': layers,
    'refuse what goes up between rooms': betweenRooms,
    'refuse what the core may not touch': core,
    'refuse everywhere': everywhere,
    'refuse comments wider than the code': comments,
  })) {
    describe(title, () => {
      let found: readonly (readonly string[])[];
      before(async () => {
        found = await lint(cases);
      });
      for (const [index, one] of cases.entries()) {
        it(one.title, () => {
          expect(found[index]).to.include(one.rule);
        });
      }
    });
  }

  describe('allow what the layers are for', () => {
    let found: readonly (readonly string[])[];
    before(async () => {
      found = await lint(allowed);
    });
    for (const [index, one] of allowed.entries()) {
      it(one.title, () => {
        const ours = (found[index] ?? []).filter((code) => code.startsWith('raft-ts('));
        expect(ours).to.deep.equal([]);
      });
    }
  });
});
