import type { Members, Question } from '../client/index.js';
import { parseId } from '../common/member-id.js';
import { parseWhole, UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, tell } from './command.js';
import { CtlExit } from './exit-codes.js';
import { sayOutcome } from './outcome.js';
import { leaderOf, statuses } from './status.js';
import { table } from './table.js';

export const members: CtlCommand = {
  usage: '',
  summary: 'tells who is in the cluster',
  help: `
Example:
  raftexample ctl members
`,
  options: {},
  words: [0, 0],
  parse: () => async (context) => {
    const found = await context.client.members({ signal: context.stopping });
    const rows = [...found.members].map(([id, url]) => [
      String(id),
      roleOf(found, id),
      url,
      found.clients.get(id) ?? '',
    ]);
    await print(context, found, table(['ID', 'ROLE', 'PEER URL', 'CLIENT URL'], rows));
    return CtlExit.Done;
  },
};

function roleOf({ voters, learners }: Pick<Members, 'voters' | 'learners'>, id: bigint): string {
  if (voters.includes(id)) return 'voter';
  return learners.includes(id) ? 'learner' : '';
}

export const remove: CtlCommand = {
  usage: 'ID',
  summary: 'removes a member, for good: its id is never used again',
  help: `  --dry-run   tell what it would leave, and do nothing

The member that is removed ends by itself if it runs and can be reached.

Example:
  raftexample ctl remove 3
`,
  options: { 'dry-run': { type: 'boolean' } },
  words: [1, 1],
  parse: ([word], values) => {
    const id = parseId('ID', word as string);
    return async (context) => {
      const { client, stopping: signal } = context;
      if (values['dry-run'] === true) return sayRemaining(context, await client.members({ signal }), id);
      return sayOutcome(context, await client.removeMember(id, { signal }));
    };
  },
};

async function sayRemaining(context: CtlContext, found: Members, id: bigint): Promise<number> {
  if (!found.members.has(id)) {
    await tell(context, `there is no member ${id}`);
    return CtlExit.Refused;
  }
  const voters = found.voters.filter((one) => one !== id);
  const quorum = Math.floor(voters.length / 2) + 1;
  const rest = voters.length === 0 ? 'no voter: it would be refused' : `the voters ${voters.join(', ')}`;
  const text = `nothing was changed. Without member ${id} there are ${rest}; ${quorum} of them must be up\n`;
  await print(context, { voters, quorum }, text);
  return CtlExit.Done;
}

export const transfer: CtlCommand = {
  usage: 'ID',
  summary: 'hands leadership over to a member',
  help: `
Example:
  raftexample ctl transfer 2
`,
  options: {},
  words: [1, 1],
  parse: ([word]) => {
    const id = parseId('ID', word as string);
    return async (context) => {
      const outcome = await context.client.transferLeadership(id, { signal: context.stopping });
      if (outcome.outcome !== 'done') return sayOutcome(context, outcome);
      await print(context, { leader: id }, `member ${id} leads\n`);
      return CtlExit.Done;
    };
  },
};

export const explain: CtlCommand = {
  usage: '',
  summary: 'says in a sentence why something is as it is',
  help: `  --index N     why is entry N not committed, or not applied?
  --member ID   why is this member behind?
  --read        why was the slowest read of the last minute slow?
  --features    which level of features is open, and because of whom is more closed?

Without these: is there a leader, and why not? The leader answers if there is one, otherwise every member.

Examples:
  raftexample ctl explain
  raftexample ctl explain --member 3
`,
  options: {
    index: { type: 'string' },
    member: { type: 'string' },
    read: { type: 'boolean' },
    features: { type: 'boolean' },
  },
  words: [0, 0],
  parse: (_, { index, member, read, features }) => {
    if ([index, member, read, features].filter((one) => one !== undefined).length > 1)
      throw new UsageError('one of --index, --member, --read and --features at most');
    const question: Question = {
      ...(index === undefined ? {} : { index: parseWhole('--index', String(index), 0, 10 ** 15 - 1) }),
      ...(member === undefined ? {} : { member: parseId('--member', String(member)) }),
      ...(read === true ? { read } : {}),
      ...(features === true ? { features } : {}),
    };
    return (context) => sayWhy(context, question);
  },
};

async function sayWhy(context: CtlContext, question: Question): Promise<number> {
  const { client, stopping: signal } = context;
  const all = await statuses(context);
  const leader = leaderOf(all);
  const asked = leader === undefined ? all.filter(({ status }) => status !== undefined) : [leader];
  for (const { endpoint, id } of asked) {
    const answer = await client.explain({ ...question, endpoint, signal });
    const who = asked.length === 1 ? '' : `member ${id}: `;
    await print(context, { endpoint, id, ...answer }, `${who}${answer.text}\n`);
  }
  const [first] = all;
  if (asked.length === 0 && first?.error !== undefined) throw first.error;
  return CtlExit.Done;
}
