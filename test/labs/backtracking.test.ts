import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../repo/repository.js';
import { asEtcd, backtrackingTable, byTerm, oneByOne, rows } from './backtracking.js';

describe('what it costs to repair a log that went apart', () => {
  it('stands in docs/labs.md, as it is measured now', () => {
    expect(readFileSync(join(root, 'docs/labs.md'), 'utf8')).to.contain(backtrackingTable());
  });

  it('is never more than by term, and that never more than one by one', () => {
    for (const { what, leader, follower } of rows()) {
      const [slow, terms, ours] = [oneByOne, byTerm, asEtcd].map((repair) => repair(leader, follower)) as [
        number,
        number,
        number,
      ];
      expect(ours, what).to.be.at.most(terms);
      expect(terms, what).to.be.at.most(slow);
    }
  });

  it('is as the labs and the paper say for the logs of figure 7', () => {
    // The leader of the figure, in its term 8, and the followers a to f.
    const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    expect(followers.map((follower) => oneByOne(leader, follower))).to.deep.equal([2, 7, 1, 1, 6, 8]);
    expect(followers.map((follower) => byTerm(leader, follower))).to.deep.equal([2, 2, 1, 1, 3, 3]);
  });
});
