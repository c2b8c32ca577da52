import { parseArgs } from 'node:util';
import { withoutHost } from '../node/trap.js';
import { compare } from '../situations/compare.js';
import { SITUATIONS, type Situation } from '../situations/situations.js';
import { play } from '../situations/story.js';

/** The situations by name, with what each is about. */
export const SITUATION_NAMES: string = SITUATIONS.map(({ name, about }) => `  ${name.padEnd(15)}${about}`).join('\n');

/** Finds the situation that a call names; undefined if it names none. */
export function situationOf(args: readonly string[]): Situation | undefined {
  return SITUATIONS.find(({ name }) => name === args[0]);
}

/**
 * Plays a situation and returns what a reader is told.
 * @throws Error that says what is wrong with the call
 */
export function tellSituation(situation: Situation, args: readonly string[]): string {
  const options = {
    seed: { type: 'string', default: '1' },
    'no-pre-vote': { type: 'boolean' },
    'no-check-quorum': { type: 'boolean' },
    'no-table': { type: 'boolean' },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const { seed, 'no-pre-vote': noPreVote = false, 'no-check-quorum': noCheckQuorum = false } = values;
  if (!/^\d{1,15}$/.test(seed)) throw new Error(`--seed must be a whole number, not ${seed}`);
  const guards = { preVote: !noPreVote, checkQuorum: !noCheckQuorum };
  const word = (isOn: boolean): string => (isOn ? 'on' : 'off');
  const { lines, table } = withoutHost(() => ({
    lines: play(situation, Number(seed), guards).lines,
    table: values['no-table'] === true ? [] : ['', ...compare(situation)],
  }));
  return `${situation.about}
An election timeout is 1 to 2 s. PreVote is ${word(guards.preVote)}, CheckQuorum is ${word(guards.checkQuorum)}. Seed ${seed}.

${lines.join('\n')}

No rule of Raft was broken.
${table.join('\n')}
`;
}
