import { expect } from 'chai';
import { type Hold, judgeHolds } from './holds.js';

const hold = (fence: number, from: number, until: number, fields: Partial<Hold> = {}): Hold => ({
  lock: 'l',
  lease: fence - 1,
  fence,
  asked: from - 1,
  from,
  until,
  ...fields,
});

describe('chaos: the judge of locks', () => {
  it('finds nothing where one holder follows the other, in any order of the notes', () => {
    const holds = [hold(9, 30, 40), hold(3, 0, 10), hold(5, 10, 25), hold(5, 12, 28), hold(4, 0, 99, { lock: 'm' })];
    expect(judgeHolds(holds)).to.deep.equal([]);
  });

  it('finds two holders at the same time, also if others came in between', () => {
    expect(judgeHolds([hold(3, 0, 11), hold(5, 10, 25)])).to.deep.equal(['l: held under fences 3 and 5 at 10 ms']);
    const far = [hold(3, 0, 50), hold(5, 60, 65), hold(7, 40, 45)];
    expect(judgeHolds(far)).to.include('l: held under fences 5 and 7 at 40 ms');
    expect(judgeHolds([hold(3, 0, 50), hold(5, 20, 25), hold(7, 40, 45)])).to.include(
      'l: held under fences 3 and 7 at 40 ms',
    );
  });

  it('finds one fence for two leases', () => {
    expect(judgeHolds([hold(3, 0, 10), hold(3, 20, 30, { lease: 9 })])).to.deep.equal([
      'l: two leases have the fence 3',
    ]);
  });

  it('finds a fence that is lower than one that was told before', () => {
    expect(judgeHolds([hold(7, 0, 10), hold(3, 20, 30)])).to.include('l: fence 7 was told before 3 was asked for');
  });
});
