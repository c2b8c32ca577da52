import { seededRandom } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { readCorpus } from './fuzz/corpus.js';
import { generate, mutate } from './fuzz/mutate.js';
import { type TargetName, targets } from './fuzz/targets.js';

describe('decoders and inputs that nobody sends', () => {
  for (const name of Object.keys(targets) as TargetName[]) {
    it(`${name}: the corpus`, () => {
      const corpus = readCorpus(name);
      expect(corpus.length).to.be.greaterThan(3);
      for (const input of corpus) {
        const random = seededRandom(1);
        for (let i = 0; i < 5; i++) targets[name](input, random);
      }
    });

    it(`${name}: a few thousand variations of it`, () => {
      const seed = Math.floor(performance.timeOrigin) % 2 ** 32;
      const random = seededRandom(seed);
      const corpus = readCorpus(name);
      for (let i = 0; i < 2000; i++) {
        const input = random(4) === 0 ? (generate(name, random) ?? mutate(corpus, random)) : mutate(corpus, random);
        try {
          targets[name](input, random);
        } catch (error) {
          throw new Error(`seed ${seed}, input ${Buffer.from(input).toString('hex')}`, { cause: error });
        }
      }
    });
  }

  it('a target can fail', () => {
    const broken = Buffer.from('0000000000000001', 'hex');
    const read = targets.message;
    expect(() => read(broken, () => 0)).not.to.throw();
    expect(() => read(broken, () => Number.NaN)).to.throw();
  });
});
