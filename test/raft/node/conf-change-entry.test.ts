import { type Entry, EntryType, RaftError } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, confChangeEntry } from '../../helpers/index.js';
import { rejection } from '../../helpers/waiting.js';
import { addLearner, removeMember } from '../rawnode/changes.js';
import { NodeHarness, refusal } from './harness.js';

describe('Node.applyConfChangeEntry', () => {
  it('carries out a change, and skips one that no member can carry out', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    expect(harness.node.applyConfChangeEntry(confChangeEntry(addLearner(2n))).learners).to.deep.equal([2n]);
    expect(harness.node.applyConfChangeEntry(confChangeEntry(removeMember(1n))).voters).to.deep.equal([1n]);
    expect(await harness.node.propose(bytes('a'))).to.deep.equal({ forwarded: false });
  });

  it('ends the node at a change that only this package refuses', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const data = Uint8Array.from(Array.from({ length: 16_385 }, () => [0x12, 0]).flat());
    const entry: Entry = { type: EntryType.EntryConfChangeV2, term: 1, index: 2, data };
    const next = rejection(harness.ready());
    expect(() => harness.node.applyConfChangeEntry(entry))
      .to.throw(RaftError)
      .with.property('code', 'ERR_RAFT_CONF_CHANGE_LIMIT');
    expect(await next).to.have.property('code', 'ERR_RAFT_CONF_CHANGE_LIMIT');
    expect((await refusal(harness.node.propose(bytes('a')))).code).to.equal('ERR_RAFT_CONF_CHANGE_LIMIT');
  });
});
