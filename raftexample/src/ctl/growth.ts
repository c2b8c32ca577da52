import { setTimeout as sleep } from 'node:timers/promises';
import { type ChangeOutcome, type Members, type NewMember, StoreError } from '../client/index.js';
import { parseDuration } from '../common/duration.js';
import { parseId } from '../common/member-id.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, tell, type Values } from './command.js';
import { CtlExit } from './exit-codes.js';
import { sayOutcome } from './outcome.js';
import { Progress } from './progress.js';
import { leaderOf, statuses } from './status.js';

/** How often it is looked how far a new member is, in milliseconds. */
const LOOK_MS = 300;
/** Ids of members that were removed are never used again, and nobody tells which they were. */
const MOST_IDS_TRIED = 256;
/** The reasons of a refusal after which another id may do: members written in Go give no more than the status. */
const saysUsed: ReadonlySet<string> = new Set(['id-used', '409']);

const options = {
  url: { type: 'string' },
  wait: { type: 'string' },
  'no-wait': { type: 'boolean' },
} as const;

const waitHelp = `  --wait DURATION   how long to wait until it votes (default 10m)
  --no-wait         end as soon as it was added; it will vote once it has caught up
`;

export const add: CtlCommand = {
  usage: '--url URL',
  summary: 'adds a member: prints how to start it, and waits until it has caught up and votes',
  help: `  --url URL         where the other members will reach it: http://HOST:PORT
  --id ID           its number, which no member has or had (default: the next one)
  --learner         it gets everything and never votes
${waitHelp}
A member is a learner at first: it does not count before it has caught up, so a cluster loses nothing by one that is not
started yet. Calling it again with the same --id and --url goes on with what was left off.

Examples:
  raftexample ctl add --url http://10.0.0.4:23801
  raftexample ctl add --url http://10.0.0.4:23801 --learner
`,
  options: { ...options, id: { type: 'string' }, learner: { type: 'boolean' } },
  words: [0, 0],
  parse: (_, values) => {
    const plan = planOf(values, values['id'] === undefined ? undefined : parseId('--id', String(values['id'])));
    const learner = values['learner'] === true;
    return (context) => grow(context, { ...plan, learner, waits: plan.waits && !learner });
  },
};

export const replace: CtlCommand = {
  usage: 'ID --url URL',
  summary: 'puts a new member in the place of one that is lost, or is to go',
  help: `  --url URL         where the other members will reach the new one; it may be where they reached the old one
  --new-id NEW      the number of the new one, which no member has or had (default: the next one)
  --dry-run         tell what would be done, and do nothing
${waitHelp}
The new one is added as with add, under a number of its own and with an empty folder. Once it has caught up it takes the
vote of the old one in one step. A member that lost its folder must be replaced: it must not come back under its number.

Examples:
  raftexample ctl replace 3 --url http://10.0.0.4:23801
  raftexample ctl replace 3 --url http://10.0.0.4:23801 --dry-run
`,
  options: { ...options, 'new-id': { type: 'string' }, 'dry-run': { type: 'boolean' } },
  words: [1, 1],
  parse: ([word], values) => {
    const given = values['new-id'];
    const plan = planOf(values, given === undefined ? undefined : parseId('--new-id', String(given)));
    const replaces = parseId('ID', word as string);
    const dryRun = values['dry-run'] === true;
    return (context) => grow(context, { ...plan, learner: false, replaces, dryRun });
  },
};

interface Plan {
  readonly url: string;
  readonly id: bigint | undefined;
  readonly learner: boolean;
  readonly replaces?: bigint;
  readonly waits: boolean;
  readonly waitMs: number;
  readonly dryRun?: boolean;
}

function planOf(values: Values, id: bigint | undefined): Omit<Plan, 'learner'> {
  const { url, wait } = values;
  if (typeof url !== 'string' || !/^https?:\/\/[^/]+\/?$/u.test(url))
    throw new UsageError(`--url wants http://HOST:PORT, where the other members reach it, not '${String(url ?? '')}'`);
  const waitMs = parseDuration('--wait', typeof wait === 'string' ? wait : '10m');
  return { url: url.replace(/\/$/u, ''), id, waits: values['no-wait'] !== true, waitMs };
}

async function grow(context: CtlContext, plan: Plan): Promise<number> {
  const { client, stopping: signal } = context;
  const found = await client.members({ signal });
  const { replaces } = plan;
  if (replaces !== undefined && !found.members.has(replaces) && plan.id === undefined) {
    await tell(context, `there is no member ${replaces}`);
    return CtlExit.Refused;
  }
  if (plan.dryRun === true) return sayPlan(context, plan, found);
  const [id, outcome] = await addUnder(context, plan, found);
  if (outcome.outcome !== 'done') return sayOutcome(context, outcome);
  await tell(context, howToStart(id, plan, found.members));
  const votes = plan.waits && (await untilItVotes(context, plan, id));
  const is = votes ? 'votes' : plan.learner ? 'is a learner' : 'is a learner, and votes once it has caught up';
  await print(context, { ...outcome, id, url: plan.url, votes }, `member ${id} ${is}\n`);
  return votes || !plan.waits ? CtlExit.Done : CtlExit.NotDone;
}

async function sayPlan(context: CtlContext, { url, id, replaces }: Plan, { members }: Members): Promise<number> {
  const next = id ?? nextId(members);
  await print(
    context,
    { id: next, url, replaces },
    `nothing was changed. Member ${next} at ${url} would be added, and take the vote of member ${replaces} once it has caught up; member ${replaces} would be removed for good\n`,
  );
  return CtlExit.Done;
}

function nextId(members: Members['members']): bigint {
  return [...members.keys()].reduce((most, id) => (id > most ? id : most), 0n) + 1n;
}

/** Adds it under its number; if none was given, under the first from the next one on that was never used. */
async function addUnder(
  { client, stopping: signal }: CtlContext,
  { url, id: given, learner, replaces }: Plan,
  { members }: Members,
): Promise<readonly [id: bigint, outcome: ChangeOutcome]> {
  const there = [...members].find(([id, one]) => one === url && id !== replaces)?.[0];
  const first = given ?? there ?? nextId(members);
  for (let id = first; ; id++) {
    const member: NewMember = { id, url, learner, ...(replaces === undefined ? {} : { replaces }) };
    try {
      return [id, await client.addMember(member, { signal })];
    } catch (error) {
      const used = error instanceof StoreError && error.status === 409 && saysUsed.has(error.reason);
      if (!used || given !== undefined || id - first >= MOST_IDS_TRIED) throw error;
    }
  }
}

function howToStart(id: bigint, { url, replaces }: Plan, members: Members['members']): string {
  // The one that is replaced may be at the same URL.
  const others = [...members].filter(([one]) => one !== id && one !== replaces);
  const peers = [...others, [id, url] as const].map(([one, at]) => `${one}=${at}`).join(',');
  const tls = url.startsWith('https:') ? ', with the certificates that its flags for TLS name' : '';
  return `member ${id} was added. Start it now, in an empty folder${tls}:
  raftexample kv --id ${id} --join --peers ${peers} --client-addr HOST:PORT --data DIR`;
}

/** Resolves to whether it votes by the end of the time. */
async function untilItVotes(context: CtlContext, plan: Plan, id: bigint): Promise<boolean> {
  const { client, stopping: signal } = context;
  const deadline = performance.now() + plan.waitMs;
  const progress = new Progress(context.io);
  try {
    while (performance.now() < deadline && !signal.aborted) {
      const found = await client.members({ signal }).catch(() => undefined);
      if (found !== undefined) {
        if (!found.members.has(id)) throw new UsageError(`member ${id} was removed meanwhile`);
        if (found.voters.includes(id)) return await isAlone(context, plan, found);
        progress.tell(await howFar(context, id));
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    return false;
  } finally {
    progress.end();
  }
}

/** A member written in Go adds the new one, and leaves it to others to remove the old one. */
async function isAlone({ client, stopping: signal }: CtlContext, { replaces }: Plan, found: Members): Promise<boolean> {
  if (replaces === undefined || !found.members.has(replaces)) return true;
  const { outcome } = await client.removeMember(replaces, { signal });
  return outcome === 'done';
}

/** The leader knows how far others are. */
async function howFar(context: CtlContext, id: bigint): Promise<string> {
  const leader = leaderOf(await statuses(context));
  if (leader === undefined) return 'waiting for a leader';
  const { client, stopping: signal } = context;
  return client.explain({ member: id, endpoint: leader.endpoint, signal }).then(
    ({ text }) => text,
    (error: unknown) => (error as Error).message,
  );
}
