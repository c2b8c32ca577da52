import { expect } from 'chai';
import { runChaos } from './run.js';

describe('chaos: the store as five processes', function chaos() {
  this.timeout(300_000);

  it('keeps its promises under faults, while members are replaced (longer: npm run chaos)', async () => {
    const told: string[] = [];
    const { findings, judged, summary } = await runChaos({
      seed: 3,
      faults: 4,
      clients: 12,
      tell: (text) => told.push(text),
    });
    expect(findings, [...told, summary].join('\n')).to.deep.equal([]);
    expect(judged).to.be.above(200);
  });
});
