import type { EndpointStatus, MemberStatus, Members, Question } from '../client/index.js';
import { parseWhole, UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, tell } from './command.js';
import { CtlExit } from './exit-codes.js';
import { parseMember } from './flags.js';
import { sayOutcome } from './keys.js';
import { table } from './table.js';

/** How long asking for the members may take before their statuses are asked for, in milliseconds. */
const MEMBERS_MS = 3_000;

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

export const status: CtlCommand = {
  usage: '',
  summary: 'tells how each member is, in one table',
  help: `
Asks every endpoint, and those that the members name. One that does not answer is a row, and no failure; if none answers
the exit code is 5. LAG is how many entries the member has still to apply, of those that any of them knows to be
committed. SNAPSHOT is the index of its last snapshot.

Examples:
  raftexample ctl status --endpoints http://127.0.0.1:23791,http://127.0.0.1:23792
  raftexample ctl status --json | jq '.[].status.applied'
`,
  options: {},
  words: [0, 0],
  parse: () => async (context) => {
    const found = await statuses(context);
    const all = found.map(({ endpoint, status: one, error }) => ({ endpoint, status: one, error: error?.message }));
    await print(context, all, statusTable(found));
    return found.some(({ status: one }) => one !== undefined) ? CtlExit.Done : CtlExit.NotDone;
  },
};

/**
 * How every endpoint is, also those that only the members know, in the order of the members' ids; those that are down
 * come last.
 */
async function statuses({ client, stopping: signal }: CtlContext): Promise<readonly EndpointStatus[]> {
  const given = await client.statuses({ signal });
  const ids = new Set(given.map(({ status: one }) => one?.id));
  const found = [...given];
  if (given.some(({ status: one }) => one !== undefined)) {
    const known = await client.members({ signal, timeoutMs: MEMBERS_MS }).catch(() => undefined);
    const more = [...(known?.clients ?? [])].filter(([id, url]) => !ids.has(id) && !client.endpoints.includes(url));
    found.push(...(await client.statuses({ signal, endpoints: more.map(([, url]) => url) })));
  }
  const place = ({ status: one }: EndpointStatus): bigint => one?.id ?? 2n ** 64n;
  return found.sort(
    (a, b) => Number(place(a) > place(b)) - Number(place(a) < place(b)) || a.endpoint.localeCompare(b.endpoint),
  );
}

function statusTable(found: readonly EndpointStatus[]): string {
  const committed = Math.max(0, ...found.map(({ status: one }) => one?.commit ?? 0));
  const row = (one: MemberStatus): string[] => [
    String(one.id),
    one.learners.includes(one.id) ? `${one.state} (learner)` : one.state,
    one.leader === 0n ? 'none' : String(one.leader),
    ...[one.term, one.commit, one.applied, committed - one.applied, one.snapshotIndex].map(String),
  ];
  return table(
    ['ENDPOINT', 'ID', 'STATE', 'LEADER', 'TERM', 'COMMIT', 'APPLIED', 'LAG', 'SNAPSHOT', ''],
    found.map(({ endpoint, status: one, error }) =>
      one === undefined
        ? [endpoint, '?', 'down', '', '', '', '', '', '', error?.message ?? '']
        : [endpoint, ...row(one), ''],
    ),
  );
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
    const id = parseMember('ID', word as string);
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
    const id = parseMember('ID', word as string);
    return async (context) => {
      await context.client.transferLeadership(id, { signal: context.stopping });
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

Without these: is there a leader, and why not? The leader answers if there is one, otherwise every member.

Examples:
  raftexample ctl explain
  raftexample ctl explain --member 3
`,
  options: { index: { type: 'string' }, member: { type: 'string' }, read: { type: 'boolean' } },
  words: [0, 0],
  parse: (_, { index, member, read }) => {
    if ([index, member, read].filter((one) => one !== undefined).length > 1)
      throw new UsageError('one of --index, --member and --read at most');
    const question: Question = {
      ...(index === undefined ? {} : { index: parseWhole('--index', String(index), 0, 10 ** 15 - 1) }),
      ...(member === undefined ? {} : { member: parseMember('--member', String(member)) }),
      ...(read === true ? { read } : {}),
    };
    return (context) => sayWhy(context, question);
  },
};

async function sayWhy(context: CtlContext, question: Question): Promise<number> {
  const { client, stopping: signal } = context;
  const up = (await statuses(context)).filter(({ status: one }) => one !== undefined);
  const leader = up.filter(({ status: one }) => one?.state === 'leader').sort(byTerm)[0];
  const asked = leader === undefined ? up : [leader];
  if (asked.length === 0) throw (await client.statuses({ signal }))[0]?.error ?? new UsageError('no endpoint');
  for (const { endpoint, status: one } of asked) {
    const answer = await client.explain({ ...question, endpoint, signal });
    const who = asked.length === 1 ? '' : `member ${one?.id}: `;
    await print(context, { endpoint, id: one?.id, ...answer }, `${who}${answer.text}\n`);
  }
  return CtlExit.Done;
}

/** A leader that was replaced may not know it yet. */
function byTerm(a: EndpointStatus, b: EndpointStatus): number {
  return (b.status?.term ?? 0) - (a.status?.term ?? 0);
}
