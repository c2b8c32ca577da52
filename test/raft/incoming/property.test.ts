import process from 'node:process';
import { describeMessage, LOCAL_APPEND_THREAD, type Message, MessageType, RaftError } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { capture } from './capture.js';
import { assertInvariants } from './check.js';
import { hostileMessage } from './hostile-message.js';
import { type Member, pick, type Random, World } from './world.js';

/** How many clusters are made; each gets up to twenty messages. */
const RUNS = Number(process.env['RAFT_TS_HOSTILE_RUNS'] ?? 400);

const REFUSALS = new Set(['ERR_RAFT_MESSAGE_INVALID', 'ERR_RAFT_STEP_LOCAL_MSG', 'ERR_RAFT_STEP_PEER_NOT_FOUND']);

/**
 * Does this message say that a write is done which was handed out and is not done yet? No member can tell such a
 * message from the storage thread's own answer: that nobody else may send it is for the program to see to.
 */
function forgesStorage(m: Message): boolean {
  return m.from === LOCAL_APPEND_THREAD && m.type === MessageType.MsgStorageAppendResp;
}

interface Tally {
  refused: number;
  taken: number;
  dropped: number;
}

/** Steps a message and checks that it was refused without a trace, or taken without harm. */
function stepHostile({ rawNode, logger, ...member }: Member, draws: () => number, m: Message, tally: Tally): void {
  void member;
  const state = capture(rawNode);
  const drawn = draws();
  logger.lines.length = 0;
  try {
    rawNode.step(m);
    tally.taken++;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    if (REFUSALS.has(error.code)) {
      tally.refused++;
      expect(capture(rawNode)).to.equal(state);
      expect(draws()).to.equal(drawn);
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
        fc.nat({ max: 1500 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 20, size: 'max' }),
        (seed, steps, messages) => {
          const world = new World(seed);
          world.walk(steps);
          for (const messageSeed of messages) {
            const random = seededRandom(messageSeed);
            const member = pick(random, world.members);
            const m = hostileMessage(random, member.rawNode.raft);
            if (forgesStorage(m)) continue;
            const text = describeMessage(m);
            try {
              stepHostile(member, () => member.draws, m, tally);
              carryOn(member, random);
            } catch (error) {
              throw new Error(
                `${text}\nto ${member.rawNode.raft.state} ${member.id} at term ${member.rawNode.raft.term}`,
                {
                  cause: error,
                },
              );
            }
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(tally.refused).to.be.greaterThan(0);
    expect(tally.taken).to.be.greaterThan(0);
  });
});
