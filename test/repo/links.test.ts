import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { expect } from 'chai';

import { root, run } from './repository.js';

/** A link in a document to another file of the repository, or to a heading. */
interface Link {
  readonly document: string;
  readonly line: number;
  readonly target: string;
}

/** The documents that git tracks, or would. */
async function documents(): Promise<readonly string[]> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];
  const { stdout } = await run('git', args, { cwd: root, timeoutMs: 10_000 });
  return stdout.split('\n').filter((name) => name !== '' && existsSync(join(root, name)));
}

/** A document's lines outside of its blocks of code, the others left empty. */
function prose(text: string): readonly string[] {
  let inBlock = false;
  return text.split('\n').map((line) => {
    const fence = /^ {0,3}```/.test(line);
    if (fence) inBlock = !inBlock;
    return fence || inBlock ? '' : line;
  });
}

export function linksOf(document: string, text: string): readonly Link[] {
  return prose(text).flatMap((line, index) =>
    [...line.replaceAll(/`[^`]*`(?!\])/g, '').matchAll(/\]\(([^()\s]+)\)/g)]
      .map(([, target]) => ({ document, line: index + 1, target: target as string }))
      .filter(({ target }) => !/^[a-z]+:/.test(target)),
  );
}

/** The anchors that GitHub gives a document's headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of prose(text)) {
    const heading = /^#{1,6} (.+)$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '');
    const anchor = words.trim().replaceAll(' ', '-');
    for (let count = 0; ; count++) {
      const name = count === 0 ? anchor : `${anchor}-${count}`;
      if (anchors.has(name)) continue;
      anchors.add(name);
      break;
    }
  }
  return anchors;
}

/** What is wrong with the link; undefined if it leads somewhere. */
function faultOf({ document, target }: Link): string | undefined {
  const [path = '', anchor] = target.split('#', 2);
  const file = path === '' ? join(root, document) : join(root, dirname(document), path);
  if (!existsSync(file)) return 'there is no such file';
  if (relative(root, file).startsWith('..')) return 'it lies outside of the repository';
  if (anchor === undefined) return undefined;
  if (statSync(file).isDirectory() || !file.endsWith('.md')) return 'only documents have headings';
  return anchorsOf(readFileSync(file, 'utf8')).has(anchor) ? undefined : 'there is no such heading';
}

describe('the links in documents', () => {
  it('lead to files and headings of the repository', async () => {
    const all = (await documents()).flatMap((document) =>
      linksOf(document, readFileSync(join(root, document), 'utf8')),
    );
    expect(all.length).to.be.above(20);
    const wrong = all.flatMap((link) => {
      const fault = faultOf(link);
      return fault === undefined ? [] : [`${link.document}:${link.line} ${link.target}: ${fault}`];
    });
    expect(wrong).to.deep.equal([]);
  });

  it('are found outside of code, and headings by the names that GitHub gives them', () => {
    const text = ['# A `Node`: its *doors*', '## Twice', '## Twice', '```md', '# no', '[no](no.md)', '```'].join('\n');
    expect([...anchorsOf(text)]).to.deep.equal(['a-node-its-doors', 'twice', 'twice-1']);
    const links = linksOf('a.md', `${text}\n[one](b.md#c) \`[no](no)\` [\`code\`](d.md), [out](https://example.org)`);
    expect(links.map(({ target, line }) => `${line} ${target}`)).to.deep.equal(['8 b.md#c', '8 d.md']);
  });
});
