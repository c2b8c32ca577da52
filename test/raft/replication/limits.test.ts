import { type Entry, MessageType } from '@raft-ts/proto';
import { payloadsSize, type Raft, reduceUncommittedSize } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  makeLeader,
  message,
  newVoter,
  progressOf,
  prop,
  propEntries,
  proposed,
  readMessages,
  step,
} from '../../helpers/index.js';

describe('limits of size', () => {
  it('RT-004 TestProgressFlowControl: messages are cut by size, and held back by count and by bytes in flight', () => {
    const r = newVoter(1n, [1n, 2n], {
      electionTick: 5,
      maxInflightMsgs: 3,
      maxSizePerMsg: 2048,
      maxInflightBytes: 9000,
    });
    makeLeader(r);
    readMessages(r);
    progressOf(r, 2n).becomeProbe();

    // Two small entries fit into a message, a large one travels alone.
    for (let i = 0; i < 22; i++) step(r, prop(1n, i < 10 || i >= 16 ? 'a'.repeat(1000) : 'b'.repeat(5000)));
    expect(sentIndexes(r)).to.deep.equal([[1, 2]]);

    // biome-ignore format: one round a line
    const rounds: [acknowledged: number, sent: number[][]][] = [
      [2, [[3, 4], [5, 6], [7, 8]]],
      [8, [[9, 10], [11], [12]]],
      // Ten thousand bytes are under way, which is over the limit.
      [12, [[13], [14]]],
      [14, [[15], [16]]],
      [16, [[17], [18, 19], [20, 21]]],
      [21, [[22, 23]]],
    ];
    for (const [acknowledged, sent] of rounds) {
      step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: acknowledged }));
      expect(sentIndexes(r), `after ${acknowledged}`).to.deep.equal(sent);
    }
  });

  it('RT-005 TestUncommittedEntryLimit: proposals are dropped while the uncommitted tail is at its limit', () => {
    const count = 1024;
    const testEntry = proposed('testdata');
    const r = newVoter(1n, [1n, 2n, 3n], {
      electionTick: 5,
      maxUncommittedEntriesSize: count * payloadsSize([testEntry]),
      maxInflightMsgs: 2 * count,
    });
    expect(payloadsSize([proposed()])).to.equal(0);
    makeLeader(r);
    expect(r.uncommittedSize).to.equal(0);
    progressOf(r, 2n).becomeReplicate();
    progressOf(r, 3n).becomeReplicate();

    const dropped = { kind: 'dropped', reason: 'quota' };
    const single = () => step(r, prop(1n, 'testdata'));
    const confirm = (entries: readonly Entry[]) => reduceUncommittedSize(r, payloadsSize(entries));

    for (let i = 0; i < count; i++) expect(single().kind).to.equal('done');
    expect(single()).to.deep.equal(dropped);
    expect(readMessages(r)).to.have.lengthOf(2 * count);
    confirm(Array.from({ length: count }, () => testEntry));
    expect(r.uncommittedSize).to.equal(0);

    // One proposal may be larger than the limit when there is nothing else.
    const large = Array.from({ length: 2 * count }, () => testEntry);
    expect(step(r, propEntries(1n, large)).kind).to.equal('done');
    expect(single()).to.deep.equal(dropped);
    // An entry without data is never in the way.
    expect(step(r, prop(1n)).kind).to.equal('done');
    expect(readMessages(r)).to.have.lengthOf(2 * 2);
    confirm(large);
    expect(r.uncommittedSize).to.equal(0);
  });
});

/** The indexes of the entries in each MsgApp that leaves; nothing else may leave. */
function sentIndexes(r: Raft): number[][] {
  return readMessages(r).map((m) => {
    expect(m.type).to.equal(MessageType.MsgApp);
    return m.entries.map((entry) => entry.index);
  });
}
