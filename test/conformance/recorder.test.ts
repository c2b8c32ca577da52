import { expect } from 'chai';
import { recordRun } from './main.js';
import type { RunRecord } from './record.js';

describe('the recorder of conformance', () => {
  let run: RunRecord;

  before(() => {
    run = recordRun(['test/dist/conformance/fixtures/outcomes.js'], 'ignore');
  });

  it('notes state and assertions of every test, without those of hooks', () => {
    const noted = run.tests.map(({ path, state, assertions }) => [path.join(' › '), state, assertions]);
    expect(noted).to.deep.equal([
      ['outcomes › asserts three times', 'passed', 3],
      ['outcomes › asserts nothing', 'passed', 0],
      ['outcomes › is not written', 'skipped', 0],
      ['outcomes › fails', 'failed', 1],
      ['outcomes › says what is absent', 'passed', 1],
    ]);
  });

  it('notes where a test is and why it failed', () => {
    const failed = run.tests.find(({ state }) => state === 'failed');
    expect(failed?.file).to.match(/test\/dist\/conformance\/fixtures\/outcomes\.js$/);
    expect(failed?.error).to.include('what it says: expected 1 to equal 2');
  });

  it('notes what was compared and what was not', () => {
    expect(run.comparison).to.deep.equal({
      counts: { files: 0, directives: 0, vectors: 7, scripts: 0 },
      absent: { files: 'there are none' },
    });
  });

  it('refuses a run that left no record', () => {
    expect(() => recordRun(['test/dist/conformance/fixtures/absent.js'], 'ignore')).to.throw(/without a record/);
  });
});
