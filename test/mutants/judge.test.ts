import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssertionError, expect } from 'chai';
import { root } from '../repo/repository.js';
import { Copy, compileSources } from './copy.js';
import type { Mutant } from './mutant.js';
import { waitedInVain } from './reporter.js';
import { judge } from './verdict.js';

describe('a broken rule', function () {
  // Each runs mocha in a process of its own.
  const specs = ['test/dist/raft/quorum/majority.test.js', 'test/dist/raft/text/sizes.test.js'];
  const oneHasIt: Mutant = {
    name: 'one has it',
    area: 'quorum',
    origin: 'own',
    seen: 'What one member has is committed.',
    file: 'raft/src/quorum/majority.ts',
    hunks: [{ find: 'indexes[count - (Math.floor(count / 2) + 1)]', replace: 'indexes[count - 1]' }],
    tests: undefined,
    equivalent: undefined,
    noCounterpart: undefined,
    as: undefined,
    rarity: undefined,
    where: 'x.txt:1',
  };
  const replaced = (find: string, replace: string): Mutant => ({ ...oneHasIt, hunks: [{ find, replace }] });
  let copy: Copy;

  before(async () => {
    copy = new Copy(root, mkdtempSync(join(tmpdir(), 'raft-ts-judge-')), await compileSources(root));
  });
  after(() => copy.remove());

  const verdictOn = (mutant: Mutant, passes = true, files: readonly string[] = specs) =>
    judge(mutant, { original: root, copy, specs: files, passes: () => Promise.resolve(passes) });
  const inVain = (line: string): Mutant => replaced("return 'VoteWon';\n    let granted", `${line}\n    let granted`);

  it('is killed by the first test that fails', async () => {
    const verdict = await verdictOn(oneHasIt);
    expect(verdict).to.include({ kind: 'killed', source: 'test/raft/quorum/majority.test.ts' });
  });

  it('is not killed by a test that fails without it too', async () => {
    expect(await verdictOn(oneHasIt, false)).to.deep.equal({
      kind: 'red',
      reason: 'test/raft/quorum/majority.test.ts fails without the patch too: mend the test first',
    });
  });

  it('is red if no test file has the name that its patch gives', async () => {
    const verdict = await verdictOn({ ...oneHasIt, tests: ['raft/none', 'raft/nil'] }, true, []);
    expect(verdict).to.deep.equal({ kind: 'red', reason: 'no test file begins with raft/none or raft/nil' });
  });

  it('is red if its patch does not fit', async () => {
    const verdict = await verdictOn(replaced('const quorum = never;', ''));
    expect(verdict).to.deep.equal({
      kind: 'red',
      reason:
        'x.txt:1: the text to change stands 0 times (adapt the lines of the patch to the source): const quorum = never;',
    });
  });

  it('that is said to be equivalent is red if a test notices', async () => {
    const verdict = await verdictOn({ ...oneHasIt, equivalent: 'Because.' });
    expect(verdict.kind).to.equal('red');
    expect(verdict)
      .to.have.property('reason')
      .that.matches(/^said to be equivalent, but ".*" fails$/);
  });

  it('is red if the patch uses a name that does not exist', async () => {
    const verdict = await verdictOn(
      replaced('const quorum = Math.floor(this.ids.length / 2) + 1;', 'const quorum = q;'),
    );
    expect(verdict).to.deep.equal({ kind: 'red', reason: 'q is not defined' });
  });

  it('is not killed by a test that dies of it', async () => {
    const verdict = await verdictOn(inVain('process.abort();'));
    expect(verdict.kind).to.equal('red');
    expect(verdict)
      .to.have.property('reason')
      .that.matches(/^no assertion fails, only test\/raft\/quorum\/majority\.test\.ts ".*" kills its process$/);
  });

  it('is killed by an assertion in a file after one that dies of it', async () => {
    const both = { ...oneHasIt, hunks: [...oneHasIt.hunks, ...inVain('process.abort();').hunks] };
    const crashing = 'test/dist/raft/rawnode/etcd-rawnode.test.js';
    expect((await verdictOn(both, true, [crashing])).kind).to.equal('red');
    const verdict = await verdictOn(both, true, [crashing, 'test/dist/raft/quorum/properties.test.js']);
    expect(verdict).to.include({ kind: 'killed', source: 'test/raft/quorum/properties.test.ts' });
  });

  it('is not killed by a test that only waits in vain', () => {
    expect(waitedInVain(new Error('not within 15 s: a leader'))).to.equal(true);
    expect(waitedInVain(new Error('too long while waiting for a line'))).to.equal(true);
    expect(waitedInVain(Object.assign(new Error('Timeout'), { code: 'ERR_MOCHA_TIMEOUT' }))).to.equal(true);
    expect(waitedInVain(new AssertionError('expected 15 to equal 16'))).to.equal(false);
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
