import { RaftPanic } from '@raft-ts/raft';
import { assertInvariants } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { capture } from './capture.js';
import { type Case, cases, late, memberOf } from './refusal-cases.js';

/** What becomes of a member that takes the message without asking. */
function stepUntrusted({ state, overrides, m }: Omit<Case, 'reason'>): Case['untrusted'] {
  const { raft } = memberOf(state, overrides).rawNode;
  const { term } = raft;
  try {
    raft.step({ ...m });
  } catch (error) {
    return error instanceof RaftPanic ? 'panics' : 'throws';
  }
  if (raft.term < term) return 'forgets its term';
  try {
    assertInvariants(raft);
  } catch {
    return 'breaks an invariant';
  }
  return 'goes on';
}

/** Steps the message as one from another process; returns what it was refused with. Nothing may change. */
function stepUnchanged({ state, overrides, m }: Omit<Case, 'reason'>): unknown {
  const { rawNode, logger } = memberOf(state, overrides);
  const before = capture(rawNode);
  let refusal: unknown;
  try {
    rawNode.step({ ...m });
  } catch (error) {
    refusal = error;
  }
  expect(capture(rawNode)).to.equal(before);
  expect(logger.lines).to.deep.equal([]);
  return refusal;
}

describe('messages that no correct member sends', () => {
  for (const c of cases) {
    describe(c.name, () => {
      it(`is refused as ${c.reason}, and nothing is changed or said`, () => {
        expect(stepUnchanged(c)).to.include({
          name: 'RaftError',
          code: 'ERR_RAFT_MESSAGE_INVALID',
          reason: c.reason,
        });
      });

      it(`in Raft.step, which trusts its input: the member ${c.untrusted}`, () => {
        expect(stepUntrusted(c)).to.equal(c.untrusted);
      });
    });
  }
});

describe('messages that come too late', () => {
  for (const c of late) {
    describe(c.name, () => {
      it('is dropped, and nothing is changed or said', () => {
        expect(stepUnchanged(c)).to.equal(undefined);
      });

      it(`in Raft.step, which trusts its input: the member ${c.untrusted}`, () => {
        expect(stepUntrusted(c)).to.equal(c.untrusted);
      });
    });
  }
});
