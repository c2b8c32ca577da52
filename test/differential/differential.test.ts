import { expect } from 'chai';
import { documentedReasons } from './documented.js';
import { buildOracle, Oracle } from './oracle.js';
import { readSession, regressionFiles } from './regressions.js';
import { DifferentialRun, type Finding } from './run.js';

/** A sample of some twenty seconds on a busy machine; `npm run differential` does more. */
const SEEDS = { from: 1, count: 1200 };

function show({ kind, seed, difference: { what, ours, theirs }, text }: Finding): string {
  return `${kind} of seed ${seed}: ${what}\nours:\n${ours}\netcd's:\n${theirs}\n${text}`;
}

describe("random scripts and sessions, against etcd's raft in Go", function () {
  this.timeout(600_000);
  let oracle: Oracle | undefined;

  before(function () {
    const unavailable = buildOracle();
    if (unavailable !== undefined) {
      console.warn(`    SKIPPED the differential sample: ${unavailable.problem}`);
      this.skip();
    }
    oracle = new Oracle();
  });

  after(() => oracle?.close());

  it(`are answered alike: seeds ${SEEDS.from} to ${SEEDS.from + SEEDS.count - 1}`, async () => {
    const run = new DifferentialRun(oracle as Oracle, documentedReasons());
    await run.run(SEEDS, { scripts: true, sessions: true }, () => run.findings.length === 0);
    expect(run.findings.map(show).join('\n')).to.equal('');
    const { scripts, sessions, inputs, changed, refused } = run.totals;
    expect({ scripts, sessions }).to.deep.equal({ scripts: SEEDS.count, sessions: SEEDS.count });
    expect(changed / inputs).to.be.above(0.5);
    expect(refused.get('heartbeat-commit')?.panic).to.be.above(0);
    console.log(`    compared ${scripts} scripts, ${sessions} sessions, ${inputs} inputs`);
  });

  it('include those that once differed, with the answers that are kept of them', async () => {
    for (const file of regressionFiles.filter((name) => name.endsWith('.session.txt'))) {
      const { lines, answers } = readSession(file);
      const theirs = await (oracle as Oracle).ask('session', lines);
      expect(theirs.replace(/^\? .*\n/gm, ''), file).to.equal(answers);
    }
  });

  it('go on after the other side has died', async () => {
    // A line that the Go program does not know how to read ends it.
    const asked = oracle as Oracle;
    const killed = asked.ask('nothing' as 'session', []);
    const innocent = asked.ask('session', ['rand 1', 'new 1']);
    const outcomes = await Promise.allSettled([killed, innocent]);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    expect(await asked.askAgain('session', ['rand 1', 'new 1'])).to.include('newRaft 1 [peers: []');
  });
});
