import { expect } from 'chai';
import { compareScript, compareSession, scriptLines, scriptWithAnswers } from './compare.js';
import { documentedReasons } from './documented.js';
import { nextSeed, rowText, withRow } from './record.js';
import type { PlayedSession } from './recorder.js';
import { emptyTotals } from './run.js';
import { playScript } from './script-run.js';
import { generateSession } from './session-generator.js';

const document = `# What differs

| \`reason\` | what | etcd |
|---|---|---|
| \`heartbeat-commit\` | this | panics |
| \`empty-proposal\`, \`conf-change-data\` | that | panics |

Dropped in silence, because it is late: \`MsgProp\`.

| where | we | etcd |
|---|---|---|
| \`applyConfChange\` | throws \`ERR_RAFT_CONF_CHANGE_INVALID\` | panics |
`;

describe('the documented reasons', () => {
  it('are the rows of the tables, and what is said to be dropped', () => {
    expect([...documentedReasons(document)].sort()).to.deep.equal([
      'ERR_RAFT_CONF_CHANGE_INVALID',
      'conf-change-data',
      'drop',
      'empty-proposal',
      'heartbeat-commit',
      'reason',
    ]);
  });

  it('are those of the document of this repository', () => {
    expect([...documentedReasons()]).to.include.members(['drop', 'heartbeat-commit', 'ERR_RAFT_CONFIG']);
  });
});

describe('the comparison of sessions', () => {
  const documented = documentedReasons(document);
  const played: PlayedSession = {
    lines: ['rand 1', 'new 1', '?step 1 x', '?step 1 x'],
    expected: '.\n= T0\n.\n',
    refusals: ['heartbeat-commit', 'drop'],
    inputs: 3,
    changed: 1,
    panicked: false,
  };
  const tries = '? panic: tocommit\n? ignored\n';

  it('finds no difference where there is none, and says what became of refusals', () => {
    expect(compareSession(played, `${played.expected}${tries}`, documented)).to.deep.equal({
      difference: undefined,
      followed: ['panic', 'ignored'],
    });
  });

  it("takes any text for that of etcd's panic", () => {
    const panic = '? panic: unknown transition: context:"\u2028"\n? ignored\n';
    expect(compareSession(played, `${played.expected}${panic}`, documented).difference).to.equal(undefined);
  });

  for (const [what, answer] of [
    ['another answer', `.\n= T1\n.\n${tries}`],
    ['an answer that is missing', `.\n${tries}`],
    ['a try that is missing', `${played.expected}? panic: tocommit\n`],
    ['a try too many', `${played.expected}${tries}? ignored\n`],
    ['a dropped message that etcd took', `${played.expected}? panic: tocommit\n? followed\n`],
    ['a try that could not be made', `${played.expected}? unreachable\n? ignored\n`],
    ['a death', 'the other side died: fatal error'],
  ] as const) {
    it(`finds ${what}`, () => {
      expect(compareSession(played, answer, documented).difference).not.to.equal(undefined);
    });
  }

  it('finds a refusal that no row explains', () => {
    const { difference } = compareSession(
      { ...played, refusals: ['snapshot', 'drop'] },
      played.expected + tries,
      documented,
    );
    expect(difference?.what).to.equal('refusals');
  });

  it('finds another text where an error is said to have that of etcd', () => {
    const refusals = ['ERR_RAFT_CONF_CHANGE_INVALID: removed all voters'];
    const verdict = (line: string): unknown =>
      compareSession({ ...played, refusals }, `${played.expected}${line}\n`, documented).difference;
    expect(verdict('? panic: removed all voters')).to.equal(undefined);
    expect(verdict('? panic: removed some voters')).not.to.equal(undefined);
    expect(verdict('? followed')).not.to.equal(undefined);
  });

  it('finds every line of a real session that is altered', () => {
    const session = generateSession(1);
    const tried = session.refusals.map((refusal) => `? panic: ${refusal.replace(/^.*?: /, '')}\n`).join('');
    const lines = session.expected.split('\n').slice(0, -1);
    for (let i = 0; i < lines.length; i += 97) {
      const altered = lines.with(i, `${lines[i]} `).join('\n');
      const { difference } = compareSession(session, `${altered}\n${tried}`, documentedReasons());
      expect(difference?.what, lines[i]).to.equal('answers');
    }
  });
});

describe('the comparison of scripts', () => {
  const script = ['add-nodes 1 voters=(1) index=3', 'status 1', 'compact 1 9'];
  const played = playScript(script);

  it('knows where and how a script ended', () => {
    expect(played.commands).to.equal(2);
    expect(played.end).to.deep.equal({ panic: 'compact 9 is out of bound lastindex(3)' });
    expect(compareScript(played, `${played.outputs}panic: compact 9 is out of bound lastindex(3)\n`)).to.equal(
      undefined,
    );
  });

  for (const [what, answer] of [
    ['another panic', `${played.outputs}panic: something else\n`],
    ['none', `${played.outputs}end\n`],
    [
      'another output',
      `${played.outputs.replace('newRaft', 'oldRaft')}panic: compact 9 is out of bound lastindex(3)\n`,
    ],
    ['an output more', `${played.outputs}#\nok\npanic: compact 9 is out of bound lastindex(3)\n`],
  ] as const) {
    it(`finds ${what}`, () => {
      expect(compareScript(played, answer)).not.to.equal(undefined);
    });
  }

  it('writes a script with the outputs of the other side', () => {
    expect(scriptWithAnswers(['a 1', 'b\nx', 'c'], '#\nok\n\n#\none\n\ntwo\n\nend\n')).to.equal(
      'a 1\n----\nok\n\nb\nx\n----\n----\none\n\ntwo\n----\n----\n\nc\n----\n',
    );
  });

  it('asks with the lines of the script', () => {
    expect(scriptLines(['a 1', 'b\nx'])).to.deep.equal(['a 1', '----', '', 'b', 'x', '----', '']);
  });
});

describe('the record of runs', () => {
  const text = '# Runs\n\n<!-- runs -->\n| seeds | … |\n|---|---|\n| 1 to 500 | … |\n\n## More\n';

  it('says where the next run begins', () => {
    expect(nextSeed(text)).to.equal(501);
    expect(nextSeed('<!-- runs -->\n| seeds |\n|---|\n\n')).to.equal(1);
  });

  it('takes a line more', () => {
    const totals = { ...emptyTotals(), scripts: 2, commands: 30, sessions: 2, inputs: 200, changed: 150, aborted: 1 };
    totals.refused.set('drop', { panic: 3, followed: 0, ignored: 1 });
    const row = rowText({ from: 501, to: 502 }, totals, 0, 'abc');
    expect(row).to.equal('| 501 to 502 | 2 | 30 | 2 | 200 | 75 % | 3 | 1 | 1 | 0 | abc |');
    const longer = withRow(text, row);
    expect(longer).to.equal(text.replace('\n\n## More', `\n${row}\n\n## More`));
    expect(nextSeed(longer)).to.equal(503);
  });
});
