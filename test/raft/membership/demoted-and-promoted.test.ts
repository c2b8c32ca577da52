import { expect } from 'chai';
import { Membership } from '../confchange/fixtures.js';

describe('a voter', () => {
  it('that is demoted and promoted again in one joint change stays a voter', () => {
    const membership = new Membership(10).simple('v1').enterJoint('v2 l1 v1');
    expect(String(membership.tracker.config)).to.equal('voters=(1 2)&&(1)');
    expect(String(membership.leaveJoint().tracker.config)).to.equal('voters=(1 2)');
  });
});
