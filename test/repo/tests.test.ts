import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { root } from './repository.js';

/** What a test may print with before it skips itself. */
const SAYS = /console\.\w+\(|\b(stdout|stderr)\.write\(/;

interface Line {
  readonly where: string;
  readonly text: string;
  /** The five lines before it. */
  readonly before: string;
}

function linesOfTests(): readonly Line[] {
  const folder = join(root, 'test');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .filter((file) => !/^(dist|reference|node_modules)\//.test(file));
  return files.flatMap((file) => {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    return lines.map((text, index) => ({
      where: `test/${file}:${index + 1}`,
      text,
      before: lines.slice(Math.max(0, index - 5), index).join('\n'),
    }));
  });
}

describe('the tests', () => {
  const lines = linesOfTests();

  it('are all run: none is singled out or switched off in its source', () => {
    const switched = lines.filter(({ text }) =>
      /^\s*(describe|it|context)\.(only|skip)\(|^\s*x(it|describe)\(/.test(text),
    );
    expect(switched.map(({ where }) => where)).to.deep.equal([]);
  });

  it('say why when they skip themselves', () => {
    const silent = lines.filter(({ text, before }) => /\bthis\.skip\(\)/.test(text) && !SAYS.test(before));
    expect(silent.map(({ where }) => where)).to.deep.equal([]);
  });
});

describe('the map of the tests', () => {
  const named = new Set(
    [...readFileSync(join(root, 'test/README.md'), 'utf8').matchAll(/`([a-z/-]+)`/g)].map(([, name]) => name as string),
  );
  const folders = (path: string): string[] =>
    readdirSync(join(root, 'test', path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !['dist', 'node_modules'].includes(entry.name))
      .map((entry) => join(path, entry.name));

  it('names every folder', () => {
    const all = [...folders('.').filter((name) => name !== 'raft'), ...folders('raft')];
    expect(all.filter((name) => !named.has(name))).to.deep.equal([]);
  });

  it('names no folder of the core that is not there', () => {
    const there = new Set(folders('raft'));
    expect([...named].filter((name) => name.startsWith('raft/') && !there.has(name))).to.deep.equal([]);
  });
});
