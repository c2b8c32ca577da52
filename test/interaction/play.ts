import { expect } from 'chai';
import { runScript, type ScriptRun } from '../datadriven/runner.js';
import { createHandler, type Kind } from './kinds.js';

/** Three voters at index 10, silent until here. */
export const THREE_VOTERS: readonly string[] = [
  'log-level none',
  'add-nodes 3 voters=(1,2,3) index=10',
  'log-level debug',
];

/** As `THREE_VOTERS`, and 1 leads at term 1 with its first entry, 11, applied everywhere. */
export const LEADER_ONE: readonly string[] = [
  'log-level none',
  'add-nodes 3 voters=(1,2,3) index=10',
  'campaign 1',
  'stabilize',
  'log-level debug',
];

/** Runs commands, each with its input on further lines. */
export function play(commands: readonly string[], kind: Kind = 'interaction'): ScriptRun {
  return runScript('play.txt', commands.map((command) => `${command}\n----\n\n`).join(''), createHandler(kind));
}

/** What the last command prints. */
export function lastOutput(commands: readonly string[], kind: Kind = 'interaction'): string {
  const run = play(commands, kind);
  expect(run.aborted?.reason, commands.join('; ')).to.equal(undefined);
  expect(run.directives).to.equal(commands.length);
  return run.differences.at(-1)?.actual ?? '';
}

/** Why the last command ends the script. */
export function abortOf(commands: readonly string[], kind: Kind = 'interaction'): string {
  const run = play(commands, kind);
  expect(run.directives, commands.join('; ')).to.equal(commands.length - 1);
  return run.aborted?.reason ?? 'not aborted';
}
