import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runScript } from '../datadriven/runner.js';
import { decodeText } from '../datadriven/text.js';
import { createHandler, detectKind, KINDS, type Kind } from './kinds.js';
import { listScripts } from './scripts.js';
import { findTestdata } from './testdata.js';

/** How many files, and how many directives in them, etcd's raft v3.7.0 has of each kind. */
const published: Record<Kind, { files: number; directives: number }> = {
  interaction: { files: 28, directives: 558 },
  quorum: { files: 4, directives: 127 },
  confchange: { files: 9, directives: 58 },
};

describe("etcd's own scripts", () => {
  const testdata = findTestdata();
  if (typeof testdata === 'string') {
    it(`is skipped: ${testdata}`, function () {
      // Whoever names a folder wants it to be used.
      expect(process.env['RAFT_TESTDATA'] ?? '', testdata).to.equal('');
      console.warn(`    SKIPPED etcd's 41 scripts: ${testdata}`);
      this.skip();
    });
    return;
  }

  for (const kind of KINDS) {
    const folder = testdata.folders.get(kind) as string;
    const files = listScripts(folder, '.');
    let directives = 0;

    for (const file of files) {
      it(`${kind}: ${file}`, () => {
        const path = join(folder, file);
        const text = decodeText(readFileSync(path));
        expect(detectKind(path, text)).to.equal(kind);
        expect(detectKind(file, text)).to.equal(kind);
        const run = runScript(file, text, createHandler(kind));
        directives += run.directives;
        expect(run.aborted).to.equal(undefined);
        expect(run.produced).to.equal(text);
        expect(run.differences).to.deep.equal([]);
      });
    }

    it(`${kind}: ${published[kind].files} files with ${published[kind].directives} directives were compared`, () => {
      expect({ files: files.length, directives }).to.deep.equal(published[kind]);
    });
  }
});
