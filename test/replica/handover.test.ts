import { MessageType, type NodeId } from '@raft-ts/raft';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

describe('replica: a leader that stops', () => {
  it('hands leadership over even if it was elected a moment ago, and has heard of nobody yet', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const group = new VirtualCluster<number, number>(3, () => new Counter(), { seed });
      const handedTo: NodeId[] = [];
      group.network.onSend = ({ type, to }) => {
        if (type === MessageType.MsgTimeoutNow) handedTo.push(to);
      };
      for (const id of group.ids) await group.startMember(id);
      let leader: NodeId | undefined;
      for (const replica of group.replicas.values()) {
        replica.watch('leadership', ({ leading }) => {
          if (leader !== undefined || !leading) return;
          // At the very moment of its election.
          leader = replica.id;
          void replica.stop();
        });
      }
      await group.time.until(() => handedTo.length > 0, `seed ${seed}: leadership is handed over`, 1000);
      group.replicas.delete(leader as NodeId);
      const next = await group.leader();
      expect([next.id], `seed ${seed}`).to.deep.equal(handedTo);
      await group.stop();
    }
  });
});
