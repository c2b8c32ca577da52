import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '@raft-ts/raft';
import type { RaftLog } from '@raft-ts/raft/internal';
import { drawCase, type Finding, minimize, RULES, runCase } from '@raft-ts/sim';
import { Network, type Script, scriptOf, writeScript } from '@raft-ts/sim/internal';
import { raftSim } from '@raft-ts/sim/node';
import { expect } from 'chai';
import { listDirectives, runScript, type ScriptRun } from '../datadriven/runner.js';
import { interact } from '../interaction/cli.js';
import { createHandler, detectKind } from '../interaction/kinds.js';
import { SHORT_SEED, withCarelessVotes, withVotes } from './planted.js';

const FILE = 'found.txt';

function replay(text: string): ScriptRun {
  return runScript(FILE, text, createHandler(detectKind(FILE, text)));
}

function written(script: Script): string {
  if ('why' in script) throw new Error(script.why);
  return writeScript(script, FILE);
}

/** Makes an error of every vote for a log that is longer than this. */
function failing(longest: number): (this: RaftLog) => boolean {
  return function (this: RaftLog): boolean {
    if (this.lastIndex() > longest) throw new Error('this log is too long');
    return true;
  };
}

/** What a call prints, and its exit code. */
function check(file: string): { code: number; out: string } {
  let out = '';
  const take = (text: string | Uint8Array): void => {
    out += typeof text === 'string' ? text : new TextDecoder().decode(text);
  };
  return { code: interact(['--check', file], '/', { out: take, error: take }), out };
}

describe('a finding as an interaction script', function () {
  it('is written beside the schedule, replays with one command, and differs on a core that keeps the rule', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'raft-sim-script-'));
    try {
      let out = '';
      const output = {
        out: (text: string): void => {
          out += text;
        },
        error: (): void => {},
      };
      const file = await withCarelessVotes(async () => {
        expect(await raftSim(['--seeds', '1', '--seed', String(SHORT_SEED), '--out', folder], output)).to.equal(1);
        const name = (await readdir(folder)).find((each) => each.endsWith('.txt')) as string;
        expect(out).to.contain(`npm run interact -- --check ${join(folder, name)}\n`);
        const { code, out: said } = check(join(folder, name));
        expect(code, said).to.equal(0);
        expect(said).to.match(/ 0 differences\n$/);
        return join(folder, name);
      });
      const text = await readFile(file, 'utf8');
      expect(text).to.match(/^# /).and.contain(RULES['vote-up-to-date']).and.contain(`seed ${SHORT_SEED}, event `);
      expect(text).to.contain(`npm run interact -- --check ${file}`);
      // The core as it is refuses the vote: that is the first difference, and the only one that is shown.
      const { code, out: said } = check(file);
      expect(code).to.equal(1);
      expect(said)
        .to.match(/^\S+:\d+: deliver-msgs .*\n/)
        .and.match(/-.*cast MsgVote/)
        .and.match(/\+.*rejected MsgVote/);
      expect(said).to.match(/: \d+ more differences? after it\n/);
      expect(said.match(/expected, \+ got/g)).to.have.lengthOf(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('ends in the state of the run: terms, votes, commit indexes and logs', async () => {
    await withCarelessVotes(async () => {
      const original = drawCase(SHORT_SEED);
      const { case: short } = await minimize(original, runCase(original).finding as Finding);
      const script = scriptOf(short);
      const text = written(script);
      const { produced } = replay(text);
      expect(produced).to.equal(text);
      const finding = 'finding' in script ? script.finding.text : '';
      const [, member, last, lastTerm, candidate] =
        /Member (\d+), whose log ends at index (\d+) of term (\d+), votes for (\d+)/.exec(finding) ?? [];
      const [, positions = ''] = produced.split('\npositions\n----\n');
      expect(positions).to.match(
        new RegExp(`^${member}: Term:\\d+ Vote:${candidate} Commit:\\d+ Last:${lastTerm}/${last} `, 'm'),
      );
    });
  });

  it('tells whole runs with every kind of fault, of synchronous and asynchronous storage', async () => {
    const commands = new Set<string>();
    await withVotes(failing(14), () => {
      for (const seed of [22, 38, 61]) {
        const text = written(scriptOf(drawCase(seed, { safetyMs: 12_000 })));
        const { produced, aborted } = replay(text);
        expect(aborted?.reason, `seed ${seed}`).to.equal(undefined);
        expect(produced, `seed ${seed}`).to.equal(text);
        expect(text, `seed ${seed}`).to.contain('fails: this log is too long\n');
        for (const { command } of listDirectives(FILE, text)) commands.add(command);
      }
    });
    expect([...commands]).to.include.members([
      'add-nodes',
      'begin-append-thread',
      'begin-ready',
      'bootstrap',
      'compact',
      'crash',
      'deliver-msgs',
      'finish-ready',
      'make-snapshot',
      'process-append-thread',
      'process-apply-thread',
      'process-ready',
      'propose',
      'propose-conf-change',
      'read-index',
      'report-snapshot',
      'report-unreachable',
      'restart',
      'set-randomized-election-timeout',
      'tick',
    ]);
  });

  it('is not written if the mistake is in what drives the cores, or if it would be too long', async () => {
    const { send } = Network.prototype;
    // A network that changes what it carries: no core has sent that.
    Network.prototype.send = function (m: Message, ...more): boolean {
      return send.call(this, { ...m, term: m.term + 1 }, ...more);
    };
    try {
      const seed = [1, 2, 3, 4, 5].find((each) => runCase(drawCase(each)).finding !== undefined) as number;
      expect(scriptOf(drawCase(seed)))
        .to.have.property('why')
        .that.matches(/^member \d+ was given something that the same calls do not lead to/);
    } finally {
      Network.prototype.send = send;
    }
    await withCarelessVotes(() => {
      expect(scriptOf(drawCase(SHORT_SEED), 50))
        .to.have.property('why')
        .that.matches(/^it would take \d+ steps, more than 50/);
    });
    expect(scriptOf(drawCase(SHORT_SEED, { safetyMs: 1000 }))).to.deep.equal({ why: 'no rule is broken' });
  });
});
