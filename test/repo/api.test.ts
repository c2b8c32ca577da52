import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { expect } from 'chai';

import { type Documented, publicFaces } from './public-api.js';
import { root, run } from './repository.js';

/** typedoc and the TypeScript by which it reads sources. */
const typedoc = join(root, 'docs/site/node_modules/typedoc');

describe('the public API', function () {
  let all: readonly Documented[];

  before(() => {
    all = publicFaces();
    expect(all.length).to.be.above(600);
  });

  it('has a docstring for each name that is exported, and for each method', () => {
    const missing = all.filter(({ text }) => text === '').map(({ name, file }) => `${file}: ${name}`);
    expect(missing).to.deep.equal([]);
  });

  it('says what each function and method does: with a verb in the third person, or as the question that it answers', () => {
    const verb = /^[A-Z][a-z]+s\b(?<!^As|^This|^Was)/;
    const question = /^[A-Z][^.]*\?/;
    const odd = all
      .filter(({ text, isCalled }) => isCalled && text !== '' && !verb.test(text) && !question.test(text))
      .map(({ name, file, text }) => `${file}: ${name}: ${text.slice(0, 60)}`);
    expect(odd).to.deep.equal([]);
  });

  it('has a page for each name, on a site beside all documents', async function site() {
    this.timeout(300_000);
    if (!existsSync(typedoc)) {
      console.log('skipped: docs/site is not installed (npm ci --prefix docs/site)');
      this.skip();
    }
    const { code, stdout, stderr } = await run(process.execPath, ['scripts/docs.mjs'], {
      cwd: root,
      timeoutMs: 280_000,
    });
    expect(code, stdout + stderr).to.equal(0);
    const pages = readdirSync(join(root, 'docs/site/html'), { recursive: true, encoding: 'utf8' });
    const named = new Set(pages.map((page) => page.replace(/^.*[./](\w+)\.html$/, '$1')));
    expect(all.filter(({ name }) => !name.includes('.') && !named.has(name)).map(({ name }) => name)).to.deep.equal([]);
    const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    const titles = documents.map((name) => `documents/docs_${name.replace('.md', '.html')}`);
    expect(pages).to.include.members(titles);
  });
});
