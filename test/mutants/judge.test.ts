import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../repo/repository.js';
import { Copy, compileSources } from './copy.js';
import type { Mutant } from './mutant.js';
import { judge } from './verdict.js';

describe('a broken rule', function () {
  // Each runs mocha in a process of its own.
  this.timeout(120_000);

  const specs = ['test/dist/raft/quorum/majority.test.js', 'test/dist/raft/text/sizes.test.js'];
  const oneHasIt: Mutant = {
    name: 'one has it',
    area: 'quorum',
    origin: 'own',
    seen: 'What one member has is committed.',
    file: 'raft/src/quorum/majority.ts',
    hunks: [{ find: 'indexes[count - (Math.floor(count / 2) + 1)]', replace: 'indexes[count - 1]' }],
    equivalent: undefined,
    noCounterpart: undefined,
    where: 'x.txt:1',
  };
  const replaced = (find: string, replace: string): Mutant => ({ ...oneHasIt, hunks: [{ find, replace }] });
  let copy: Copy;

  before(async () => {
    copy = new Copy(root, mkdtempSync(join(tmpdir(), 'raft-ts-judge-')), await compileSources(root));
  });
  after(() => copy.remove());

  const verdictOn = (mutant: Mutant, killer?: string) => judge(mutant, { original: root, copy, specs, killer });

  it('is killed by the first test that fails', async () => {
    const verdict = await verdictOn(oneHasIt);
    expect(verdict).to.include({ kind: 'killed', source: 'test/raft/quorum/majority.test.ts', how: 'fails' });
  });

  it('is killed all the same where another test is expected to notice', async () => {
    expect((await verdictOn(oneHasIt, specs[1])).kind).to.equal('killed');
  });

  it('is red where its patch does not fit', async () => {
    const verdict = await verdictOn(replaced('const quorum = never;', ''));
    expect(verdict).to.deep.equal({
      kind: 'red',
      reason: 'x.txt:1: the text to change stands 0 times in the source: const quorum = never;',
    });
  });

  it('that is said to be equivalent is red where a test notices', async () => {
    const verdict = await verdictOn({ ...oneHasIt, equivalent: 'Because.' });
    expect(verdict.kind).to.equal('red');
    expect(verdict)
      .to.have.property('reason')
      .that.matches(/^said to be equivalent, but ".*" fails$/);
  });

  it('is red where the patch uses a name that does not exist', async () => {
    const verdict = await verdictOn(
      replaced('const quorum = Math.floor(this.ids.length / 2) + 1;', 'const quorum = q;'),
    );
    expect(verdict).to.deep.equal({ kind: 'red', reason: 'q is not defined' });
  });

  it('is killed by a test that dies of it', async () => {
    const verdict = await verdictOn(
      replaced("return 'VoteWon';\n    let granted", 'process.abort();\n    let granted'),
    );
    expect(verdict).to.include({ kind: 'killed', how: 'crashes' });
  });

  it('is mended afterwards: without a change the tests pass', async () => {
    const harmless = replaced('Math.floor(this.ids.length / 2) + 1;', '1 + Math.floor(this.ids.length / 2);');
    expect(await verdictOn(harmless)).to.deep.equal({ kind: 'survived' });
    expect(await verdictOn({ ...harmless, equivalent: 'A sum.' })).to.deep.equal({
      kind: 'equivalent',
      reason: 'A sum.',
    });
  });

  it('of a rule that is not here needs no patch', async () => {
    const verdict = await verdictOn({ ...oneHasIt, file: undefined, hunks: [], noCounterpart: 'Not here.' });
    expect(verdict).to.deep.equal({ kind: 'no counterpart', reason: 'Not here.' });
  });
});
