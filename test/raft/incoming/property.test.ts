import process from 'node:process';
import { describeMessage, LOCAL_APPEND_THREAD, type Message, MessageType, RaftError } from '@raft-ts/raft';
import { assertInvariants, type Raft, seededRandom } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { testRandom } from '../../helpers/index.js';
import { capture, difference } from './capture.js';
import { hostileMessage } from './hostile-message.js';
import { type Member, type Random, World } from './world.js';

/** How many clusters are made; each gets up to twenty messages. More, if RAFT_TS_HOSTILE_RUNS says so. */
const RUNS = Number(process.env['RAFT_TS_HOSTILE_RUNS'] ?? 400);

const REFUSALS = new Set(['ERR_RAFT_MESSAGE_INVALID', 'ERR_RAFT_STEP_LOCAL_MSG', 'ERR_RAFT_STEP_PEER_NOT_FOUND']);

/**
 * Does this message say that a write is done which was handed out and is not done yet? No member can tell such a
 * message from the storage thread's own answer: that nobody else may send it is for the program to see to.
 */
function forgesStorage(r: Raft, m: Message): boolean {
  if (m.from !== LOCAL_APPEND_THREAD || m.type !== MessageType.MsgStorageAppendResp || m.term > r.term) return false;
  const { unstable } = r.raftLog;
  const entries =
    m.index >= unstable.offset && m.index < unstable.offsetInProgress && unstable.maybeTerm(m.index) === m.logTerm;
  const snapshot =
    unstable.snapshotInProgress &&
    m.snapshot !== undefined &&
    m.snapshot.metadata.index === unstable.snapshot?.metadata.index;
  return entries || snapshot;
}

interface Tally {
  refused: number;
  taken: number;
  dropped: number;
}

/** Steps a message and checks that it was refused without a trace, or taken without harm. */
function stepHostile(member: Member, m: Message, tally: Tally): void {
  const { rawNode, logger, draws } = member;
  const state = capture(rawNode);
  logger.lines.length = 0;
  try {
    rawNode.step(m);
    tally.taken++;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    if (REFUSALS.has(error.code)) {
      tally.refused++;
      expect(difference(state, capture(rawNode))).to.equal(undefined);
      expect(member.draws).to.equal(draws);
      expect(logger.lines).to.deep.equal([]);
    } else {
      expect(error.code).to.equal('ERR_RAFT_PROPOSAL_DROPPED');
      tally.dropped++;
    }
  }
  assertInvariants(rawNode.raft);
}

/** What the member does next must not meet a panic either. */
function carryOn(member: Member, random: Random): void {
  for (let i = random(4); i > 0; i--) {
    if (random(2) === 0) member.rawNode.tick();
    else member.work();
    assertInvariants(member.rawNode.raft);
  }
}

describe('any message, in any state that a cluster can reach', () => {
  it('is taken without harm, or refused without a trace', function () {
    this.timeout(60_000 + RUNS * 20);
    const tally: Tally = { refused: 0, taken: 0, dropped: 0 };
    fc.assert(
      fc.property(
        fc.nat(),
        fc.noBias(fc.nat({ max: 2000 })),
        fc.array(fc.nat(), { minLength: 1, maxLength: 20, size: 'max' }),
        (seed, steps, messages) => {
          const world = new World(seed);
          world.walk(steps);
          for (const messageSeed of messages) {
            const random = seededRandom(messageSeed);
            const member = world.target(random);
            const m = hostileMessage(random, member.rawNode.raft);
            if (forgesStorage(member.rawNode.raft, m)) continue;
            const { state, term } = member.rawNode.raft;
            const what = `${describeMessage(m)}\nto ${state} ${member.id} at term ${term}`;
            try {
              stepHostile(member, m, tally);
              carryOn(member, random);
            } catch (error) {
              throw new Error(what, { cause: error });
            }
          }
        },
      ),
      { numRuns: RUNS, seed: testRandom()(2 ** 31) },
    );
    if (process.env['RAFT_TS_HOSTILE_RUNS'] !== undefined) console.log(tally);
    expect(tally.refused).to.be.greaterThan(0);
    expect(tally.taken).to.be.greaterThan(0);
  });
});
