import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { expect } from 'chai';

import { type Finished, root, run, scratchFolder } from './repository.js';

const DOCUMENT = `# Lines

<!-- lines one -->
<!-- end -->

<!-- codes one ERR_RAFT_ -->
<!-- end -->
`;

/** Every way in which a text may get into a log. */
const SOURCE = `
/** Says \`why\`; | is a bar. */
export const ERR_ONE = 'ERR_RAFT_ONE';

export class One {
  private readonly logger: { warn(text: string): void; error(text: string): void };

  begin(id: number, isLate: boolean): void {
    this.logger.warn('a literal');
    this.logger.warn(\`member \${id} of \${String(id)}\${' and a tail'}\`);
    const state = isLate ? 'late' : 'early';
    this.logger.warn(\`it is \${state}\`);
    this.logger.error(describe(id));
    this.lost('handed on', id);
    for (const text of this.found.warnings) this.logger.warn(text);
  }

  private lost(message: string, id: number): void {
    if (id > 1) this.logger.warn(message);
    else this.logger.error(message);
  }

  list(): void {
    const warnings: string[] = [];
    warnings.push('one of a list');
  }
}

function describe(id: number): string {
  return 'returned by ' + id;
}
`;

const LINES = [
  ['error', 'returned by …'],
  ['warn', 'a literal'],
  ['warn', 'it is early'],
  ['warn', 'it is late'],
  ['warn', 'member … of … and a tail'],
  ['warn', 'one of a list'],
  ['error or warn', 'handed on'],
];

describe('docs/log-lines.md', function () {
  let path: string;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    ({ path, remove } = await scratchFolder());
    for (const folder of ['scripts', 'docs', 'one/src']) await mkdir(join(path, folder), { recursive: true });
    for (const script of ['check-log-lines.mjs', 'log-lines.mjs', 'expressions.mjs', 'workspaces.mjs']) {
      await copyFile(join(root, 'scripts', script), join(path, 'scripts', script));
    }
    await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
    await writeFile(join(path, 'package.json'), '{ "workspaces": ["one"] }');
    await writeFile(join(path, 'one/package.json'), '{ "name": "one" }');
    await writeFile(join(path, 'one/src/source.ts'), SOURCE);
    await writeFile(join(path, 'docs/log-lines.md'), DOCUMENT);
  });
  afterEach(() => remove());

  const check = (...args: string[]): Promise<Finished> =>
    run(process.execPath, ['scripts/check-log-lines.mjs', ...args], { cwd: path, timeoutMs: 60_000 });
  const read = (): Promise<string> => readFile(join(path, 'docs/log-lines.md'), 'utf8');
  const explain = async (): Promise<void> =>
    writeFile(
      join(path, 'docs/log-lines.md'),
      (await read()).replaceAll('|  |  |', '| so | do |').replaceAll('|  |', '| do |'),
    );

  it('gets a row for each line, however its text is put together, and for each code', async () => {
    const { code, stderr } = await check('--write');
    expect(code).to.equal(1);
    expect(stderr.match(/has no what/g)).to.have.length(LINES.length + 1);
    const text = await read();
    const rows = [...text.matchAll(/^\| (error|warn|error or warn) \| `(.*)` \|/gm)].map(([, level, line]) => [
      level,
      line,
    ]);
    expect(rows).to.have.deep.members(LINES);
    expect(text).to.contain('| `ERR_RAFT_ONE` | Says `why`; \\| is a bar. |  |');
  });

  it('holds once each has its meaning, which stays when it is written again', async () => {
    await check('--write');
    await explain();
    const before = await read();
    expect(await check('--write')).to.include({ code: 0, stderr: '' });
    expect(await read()).to.equal(before);
    expect(await check()).to.include({
      code: 0,
      stdout: `log lines and error codes: ${LINES.length + 3} rows, 0 problems\n`,
    });
  });

  it('fails with a line that is new, one that is gone, a code without a docstring, and a text that cannot be read', async () => {
    await check('--write');
    await explain();
    const source = join(path, 'one/src/source.ts');
    await writeFile(source, SOURCE.replace("'a literal'", "'another literal'"));
    const other = await check();
    expect(other.code).to.equal(1);
    expect(other.stderr)
      .to.contain('`another literal` has no what it means')
      .and.to.contain('is not what the sources say');
    await writeFile(source, SOURCE.replace('/** Says', '/* Says'));
    expect((await check()).stderr).to.contain('one has codes without a docstring: ERR_RAFT_ONE');
    await writeFile(source, SOURCE.replace("'a literal'", 'Math.random()'));
    expect((await check()).stderr).to.contain('cannot tell what this.logger.warn(Math.random()) logs');
  });
});
