import { RaftPanic } from '@raft-ts/raft';
import { assertInvariants } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { capture, difference } from './capture.js';
import { memberOf } from './member-in-state.js';
import { type Case, cases, late } from './refusal-cases.js';

type Untaken = Omit<Case, 'reason'>;

function memberBefore({ state, overrides, before }: Untaken): ReturnType<typeof memberOf> {
  const member = memberOf(state, overrides);
  if (before !== undefined) member.rawNode.step({ ...before });
  member.logger.lines.length = 0;
  return member;
}

/** What becomes of a member that takes the message without asking. */
function stepUntrusted(c: Untaken): Case['untrusted'] {
  const { raft } = memberBefore(c).rawNode;
  const { term } = raft;
  const last = raft.raftLog.lastIndex();
  try {
    raft.step({ ...c.m });
  } catch (error) {
    return error instanceof RaftPanic ? 'panics' : 'throws';
  }
  if (raft.term < term) return 'forgets its term';
  if (raft.raftLog.lastIndex() < last) return 'forgets its log';
  try {
    assertInvariants(raft);
  } catch {
    return 'breaks an invariant';
  }
  return 'goes on';
}

/** Steps the message as one from another process; returns what it was refused with. Nothing may change. */
function stepUnchanged(c: Untaken): unknown {
  const { rawNode, logger } = memberBefore(c);
  const before = capture(rawNode);
  let refusal: unknown;
  try {
    rawNode.step({ ...c.m });
  } catch (error) {
    refusal = error;
  }
  expect(difference(before, capture(rawNode))).to.equal(undefined);
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
