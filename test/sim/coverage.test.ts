import { drawCase, runCase } from '@raft-ts/sim';
import { Coverage, describeMet, MARKS, Met, nameOf, whyNever } from '@raft-ts/sim/internal';
import { raftSim } from '@raft-ts/sim/node';
import { expect } from 'chai';

const SEEDS = 40;

describe('what simulated clusters meet', () => {
  const met = new Met();
  before(() => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const coverage = new Coverage();
      runCase(drawCase(seed), coverage);
      met.add(coverage);
    }
  });

  it('is named: at least 150 rare states, each once', () => {
    expect(MARKS.length).to.be.at.least(150);
    expect(new Set(MARKS).size).to.equal(MARKS.length);
  });

  it('is most of them in a few runs already', () => {
    expect(MARKS.length - met.missedMarks.length, met.missedMarks.join('\n')).to.be.above(150);
  });

  it('is nothing that correct members never do', () => {
    expect(met.wrongCells.map((cell) => `${Object.values(nameOf(cell)).join(', ')}: ${whyNever(cell)}`)).to.deep.equal(
      [],
    );
  });

  it('is counted without changing what happens', () => {
    for (const seed of [3, 4, 5]) {
      const coverage = new Coverage();
      expect(runCase(drawCase(seed), coverage).hash).to.equal(runCase(drawCase(seed)).hash);
      expect(coverage.marks.some((count) => count > 0)).to.equal(true);
    }
  });

  it('is what storms lead to, if they are asked for alone: one after the other in every run', () => {
    const counts = Array.from({ length: 30 }, (_, seed) => {
      const { actions } = drawCase(seed, { faults: ['storm'] });
      return actions.filter(({ action }) => action.kind === 'campaign' || action.kind === 'connect').length;
    });
    expect(Math.min(...counts), `${counts}`).to.be.above(5);
  });

  it('is told by raft-sim --report', async () => {
    let out = '';
    const output = { out: (text: string) => (out += text), error: (text: string) => (out += text) };
    expect(await raftSim(['--report', '--seeds', '2', '--seed', '7', '--seconds', '5'], output), out).to.equal(0);
    expect(out).to.contain('seeds from 7 on').and.contain('in 2 runs').and.contain('no rule was broken');
    expect(out)
      .to.match(/\d+ of \d+ rare states were met/)
      .and.match(/\d+ of the \d+ cells that can be reached/);
    expect(describeMet(met)).to.contain(`in ${SEEDS} runs`);
  });
});
