import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { root } from './repository.js';

/** A link to a source, and what a document says stands there: functions and classes, or the title of a test. */
interface Shown {
  readonly file: string;
  readonly names: readonly string[];
  readonly title: string | undefined;
}

function shownIn(document: string): readonly Shown[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/\]\(([^)#]+\.ts)\):\s+(?:"([^"]+)"|((?:`\w+`(?:,\s+)?)+))/g)].map(
    ([, target, title, names]) => ({
      file: join(dirname(document), target as string),
      names: [...(names ?? '').matchAll(/\w+/g)].map(([name]) => name),
      title,
    }),
  );
}

/** Does a source declare this function, method or class? */
function declares(text: string, name: string): boolean {
  const words = '(?:(?:export|private|protected|override|static|async|get) )*';
  return new RegExp(
    `^ *${words}(?:(?:function|class|interface|const) ${name}\\b|\\*?${name}(?:<[^>]*>)?\\([^;]*$)`,
    'm',
  ).test(text);
}

function faultsOf(document: string): readonly string[] {
  return shownIn(document).flatMap(({ file, names, title }) => {
    const text = readFileSync(join(root, file), 'utf8');
    if (title !== undefined && !text.includes(title)) return [`${file} has no test "${title}"`];
    return names.filter((name) => !declares(text, name)).map((name) => `${file} has no ${name}`);
  });
}

describe('what documents show', () => {
  it('docs/how-it-works.md names functions that there are', () => {
    expect(shownIn('docs/how-it-works.md').flatMap(({ names }) => names)).to.have.length.above(80);
    expect(faultsOf('docs/how-it-works.md')).to.deep.equal([]);
  });

  it('docs/faq.md names tests that there are, one for each answer', () => {
    const questions = readFileSync(join(root, 'docs/faq.md'), 'utf8').match(/^### /gm) ?? [];
    expect(questions).to.have.length.of.at.least(30);
    const text = readFileSync(join(root, 'docs/faq.md'), 'utf8');
    for (const answer of text.split('\n### ').slice(1)) expect(answer).to.match(/Shown by \[`test\//);
    expect(faultsOf('docs/faq.md')).to.deep.equal([]);
  });

  it('is a function, a method or a class, and no mere call', () => {
    const text =
      'class One {\n  private async two<T>(a: T): void {\n    three();\n    four;\n  }\n}\nexport const five = 5;\n';
    const found = ['One', 'two', 'three', 'four', 'five', 'six'].filter((name) => declares(text, name));
    expect(found).to.deep.equal(['One', 'two', 'five']);
  });
});
