import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runScript } from '../datadriven/runner.js';
import { decodeText } from '../datadriven/text.js';
import { createHandler, detectKind } from './kinds.js';
import { listScripts } from './scripts.js';
import { repositoryRoot } from './testdata.js';

const folder = join(repositoryRoot, 'test/scripts');

describe('our own scripts', () => {
  const files = listScripts(folder, '.');

  it('tell the stories that a reader wants to see', () => {
    expect(files).to.include.members([
      'figure-7-healed.txt',
      'figure-8-committed.txt',
      'figure-8-overwritten.txt',
      'leader-removed-joint.txt',
      'snapshot-overtakes-appends.txt',
      'stale-read-refused.txt',
    ]);
  });

  for (const file of files) {
    it(`script: ${file}`, () => {
      const text = decodeText(readFileSync(join(folder, file)));
      expect(text).to.match(/^# /);
      const run = runScript(file, text, createHandler(detectKind(file, text)));
      expect(run.aborted).to.equal(undefined);
      expect(run.directives).to.be.greaterThan(0);
      expect(run.produced).to.equal(text);
    });
  }
});
