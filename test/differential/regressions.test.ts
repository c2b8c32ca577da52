import { expect } from 'chai';
import { runScript } from '../datadriven/runner.js';
import { decodeText } from '../datadriven/text.js';
import { interactionHandler } from '../interaction/environment.js';
import { replaySession } from './compare.js';
import { readRegression, readSession, regressionFiles } from './regressions.js';

describe('differences found earlier', () => {
  for (const file of regressionFiles.filter((name) => name.endsWith('.script.txt'))) {
    it(file, () => {
      const text = decodeText(readRegression(file));
      const run = runScript(file, text, interactionHandler());
      expect(run.aborted).to.equal(undefined);
      expect(run.directives).to.be.above(0);
      expect(run.produced).to.equal(text);
    });
  }

  for (const file of regressionFiles.filter((name) => name.endsWith('.session.txt'))) {
    it(file, () => {
      const { lines, answers } = readSession(file);
      const played = replaySession(lines);
      expect(played.lines).to.deep.equal(lines);
      expect(played.expected).to.equal(answers);
    });
  }

  it('are all read', () => {
    expect(regressionFiles.filter((name) => !/\.(script|session)\.txt$/.test(name))).to.deep.equal([]);
    expect(regressionFiles).not.to.be.empty;
  });
});
