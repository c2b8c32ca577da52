import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { compared, notCompared } from '../conformance/compared.js';
import { runScript } from '../datadriven/runner.js';
import { decodeText } from '../datadriven/text.js';
import { createHandler, detectKind, ETCD_KINDS, type EtcdKind } from './kinds.js';
import { listScripts } from './scripts.js';
import { findTestdata } from './testdata.js';

/** How many files, and how many directives in them, etcd's raft v3.7.0 has of each kind. */
const published: Record<EtcdKind, { files: number; directives: number }> = {
  interaction: { files: 28, directives: 558 },
  quorum: { files: 4, directives: 127 },
  confchange: { files: 9, directives: 58 },
};

/** The test of etcd's that runs the scripts of a kind. */
const goTests: Record<EtcdKind, string> = {
  interaction: 'IN-001 TestInteraction',
  quorum: 'QD-001 TestDataDriven',
  confchange: 'CD-001 TestConfChangeDataDriven',
};

describe("etcd's own scripts", () => {
  const testdata = findTestdata();
  if (typeof testdata === 'string') {
    for (const kind of ETCD_KINDS) {
      it(`${goTests[kind]}: is skipped: ${testdata}`, function () {
        // Whoever names a folder wants it to be used.
        expect(process.env['RAFT_TESTDATA'] ?? '', testdata).to.equal('');
        notCompared('files', testdata);
        notCompared('directives', testdata);
        console.warn(`    SKIPPED etcd's ${published[kind].files} ${kind} scripts: ${testdata}`);
        this.skip();
      });
    }
    return;
  }

  for (const kind of ETCD_KINDS) {
    const folder = testdata.folders.get(kind) as string;
    const files = listScripts(folder, '.');
    let directives = 0;

    describe(`${goTests[kind]}: etcd's ${kind} scripts have the outputs that they have in Go`, () => {
      for (const file of files) {
        it(file, () => {
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

      it(`${published[kind].files} files with ${published[kind].directives} directives were compared`, () => {
        expect({ files: files.length, directives }).to.deep.equal(published[kind]);
        compared('files', files.length);
        compared('directives', directives);
      });
    });
  }
});
