import { expect } from 'chai';
import { compared } from '../conformance/compared.js';
import { playScript, sameScript } from '../differential/script-run.js';
import { readCorpus } from './corpus.js';

/** No fewer are ever compared: a corpus that was cut short is no proof. */
const LEAST_SCRIPTS = 2000;

/** So many seeds show what is wrong. */
const ENOUGH = 5;

describe('the recorded answers of etcd to random scripts', function () {
  // A thousand scripts take about four seconds if nothing else runs.
  this.timeout(180_000);

  it('are ours too', () => {
    const recorded = readCorpus();
    expect(recorded.length, 'scripts').to.be.at.least(LEAST_SCRIPTS);
    const different: number[] = [];
    for (const { seed, script, answer } of recorded) {
      if (!sameScript(playScript(script), answer)) different.push(seed);
      if (different.length >= ENOUGH) break;
    }
    expect(
      different,
      'seeds of scripts that are answered otherwise; npm run differential -- --scripts-only --from SEED --seeds 1 shows one',
    ).to.deep.equal([]);
    compared('scripts', recorded.length);
  });

  it('differ from what a broken member would say', () => {
    const [first] = readCorpus();
    if (first === undefined) throw new Error('the corpus is empty');
    const played = playScript(first.script);
    expect(sameScript(played, first.answer.replace('Term', 'term'))).to.equal(false);
  });
});
