import { expect } from 'chai';
import { interactionCommands } from '../interaction/environment.js';
import { reasonOf, replaySession, tryReplay } from './compare.js';
import { documentedReasons } from './documented.js';
import { Choices, Draws } from './random.js';
import { SessionCrash } from './recorder.js';
import { generateScript } from './script-generator.js';
import { playScript } from './script-run.js';
import { generateSession } from './session-generator.js';

const seeds = Array.from({ length: 150 }, (_, i) => i + 1);

describe('the generator of scripts', () => {
  const scripts = seeds.map((seed) => generateScript(seed));

  it('writes the same script for a seed, and another one for another', () => {
    for (const seed of seeds.slice(0, 20)) expect(generateScript(seed)).to.deep.equal(scripts[seed - 1]);
    expect(new Set(scripts.map((script) => script.join('\n'))).size).to.equal(scripts.length);
  });

  it("uses every command of etcd's harness, and no other", () => {
    const used = new Set(scripts.flat().map((command) => command.split(/[ \n]/)[0] as string));
    const etcds = interactionCommands.filter((name) => name !== 'read-index' && name !== '_breakpoint');
    expect([...used].sort()).to.deep.equal(etcds);
  });

  it('writes scripts that have something to say: most run to their end, elect and commit', () => {
    const played = scripts.map((script) => playScript(script));
    expect(played.filter(({ end }) => end === 'end').length).to.be.above(seeds.length * 0.6);
    // Elections are often silent, to keep scripts short.
    expect(played.filter(({ outputs }) => outputs.includes('became leader')).length).to.be.above(seeds.length / 3);
    expect(played.filter(({ outputs }) => outputs.includes('CommittedEntries')).length).to.be.above(seeds.length / 3);
    for (const text of [
      '&&',
      'MsgSnap',
      'learner',
      'MsgTimeoutNow',
      'AppendThread',
      'Rejected',
      'PreVote',
      'dropped: ',
    ]) {
      expect(played.filter(({ outputs }) => outputs.includes(text)).length, text).to.be.above(3);
    }
  });
});

describe('the generator of sessions', () => {
  const sessions = seeds.map((seed) => generateSession(seed));
  const lines = sessions.flatMap((session) => session.lines);

  it('writes the same session for a seed, and another one for another', () => {
    for (const seed of seeds.slice(0, 20)) expect(generateSession(seed)).to.deep.equal(sessions[seed - 1]);
    expect(new Set(sessions.map((session) => session.expected)).size).to.equal(sessions.length);
  });

  it('writes lines that say everything: played again, they are answered alike', () => {
    for (const session of sessions.slice(0, 50)) expect(replaySession(session.lines)).to.deep.equal(session);
  });

  it('uses every line and every option', () => {
    const words = new Set(lines.map((line) => line.replace(/^\?/, '').split(' ')[0] as string));
    expect([...words].sort()).to.deep.equal(
      [
        ...['advance', 'append', 'apply', 'bootstrap', 'busy', 'campaign', 'change', 'compact', 'forget', 'new'],
        ...['propose', 'quiesce', 'rand', 'read', 'ready', 'restart', 'snapshot', 'snapshot-status', 'status', 'step'],
        ...['tick', 'transfer', 'unreachable'],
      ].sort(),
    );
    const starts = lines.filter((line) => line.startsWith('new ') || line.startsWith('restart '));
    const options = starts.flatMap((line) => line.split(' ').slice(2)).map((option) => option.replace(/=.*/, ''));
    expect([...new Set(options)].sort()).to.deep.equal(
      [
        ...['applied', 'async', 'boot', 'check-quorum', 'committed-size', 'debug', 'election', 'heartbeat', 'inflight'],
        ...['inflight-bytes', 'lease', 'message-size', 'no-forwarding', 'no-validation', 'pre-vote', 'step-down'],
        'uncommitted-size',
      ].sort(),
    );
  });

  it('writes inputs of which at least half change what a member knows', () => {
    const inputs = sessions.reduce((sum, session) => sum + session.inputs, 0);
    const changed = sessions.reduce((sum, session) => sum + session.changed, 0);
    expect(inputs).to.be.above(150 * seeds.length);
    expect(changed / inputs).to.be.above(0.5);
  });

  it('reaches what scripts cannot: reads, restarts, limits, refusals', () => {
    const answers = sessions.map(({ expected }) => expected).join('');
    for (const text of [
      'ReadStates [{',
      'MsgReadIndexResp',
      'ctx=',
      'raft proposal dropped',
      'peer not found',
      '&&',
      'snap=',
    ]) {
      expect(answers, text).to.include(text);
    }
    const documented = documentedReasons();
    const refusals = sessions.flatMap((session) => session.refusals.map(reasonOf));
    expect(new Set(refusals).size).to.be.above(8);
    expect(refusals.filter((reason) => !documented.has(reason))).to.deep.equal([]);
  });

  it('knows lines that make no sense from a failure of this side', () => {
    expect(tryReplay(['tick 1 1'])).to.equal(undefined);
    expect(tryReplay(['new 1', 'dance 1'])).to.equal(undefined);
    expect(tryReplay(['new 1', 'append 1'])).to.equal(undefined);
    expect(tryReplay(['new 1', 'step 1 xff'])).to.be.instanceOf(SessionCrash);
  });
});

describe('random numbers', () => {
  it("follow the rule of Go's crypto/rand.Int", () => {
    // What crypto/rand.Int(reader, big.NewInt(10)) gives over the bytes of draws.go, seeded with 7.
    const draws = new Draws(7);
    expect(Array.from({ length: 12 }, () => draws.below(10))).to.deep.equal([2, 2, 5, 7, 7, 2, 7, 3, 4, 2, 8, 0]);
    expect(draws.count).to.equal(22);
    expect(draws.below(1)).to.equal(0);
    expect(draws.count).to.equal(22);
  });

  it('are chosen as often as their weights say', () => {
    const choices = new Choices(1);
    const counts = { never: 0, seldom: 0, often: 0 };
    for (let i = 0; i < 4000; i++) counts[choices.weighted({ never: 0, seldom: 1, often: 3 })]++;
    expect(counts.never).to.equal(0);
    expect(counts.often / counts.seldom).to.be.within(2.5, 3.5);
  });
});
