import { PeerStatus } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { Recorder } from './members.js';
import { contextOf, warnings } from './recorded-context.js';

describe('PeerStatus', () => {
  it('tells changes alone', () => {
    const receiver = new Recorder();
    const counts = { active: 0 };
    const metrics = { peerActive: () => counts.active++, peerInactive: () => counts.active-- };
    const status = new PeerStatus(2n, contextOf(receiver).logger, metrics as never);
    const failure = { action: 'write', source: 'pipeline', error: 'why' } as const;
    for (let round = 1; round <= 2; round++) {
      status.activate();
      const { activeSince } = status;
      status.activate();
      expect(status.activeSince).to.equal(activeSince).and.be.instanceOf(Date);
      expect(counts.active).to.equal(1);
      status.deactivate(failure);
      status.deactivate(failure);
      expect(status.activeSince).to.equal(undefined);
      expect(counts.active).to.equal(0);
      expect(warnings(receiver)).to.have.length(round);
    }
  });
});
