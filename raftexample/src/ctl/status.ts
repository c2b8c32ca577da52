import { printableLine } from '@raft-ts/proto';
import type { EndpointStatus, MemberStatus } from '../client/index.js';
import { announcedOrigin } from '../client/options.js';
import { type CtlCommand, type CtlContext, print } from './command.js';
import { CtlExit } from './exit-codes.js';
import { bytes, table } from './table.js';

/** Longest text of a warning that is printed, in characters. */
const LONGEST_LINE = 1000;
/** How long asking for the members may take, in milliseconds. */
const MEMBERS_MS = 3_000;

export const status: CtlCommand = {
  usage: '',
  summary: 'tells how each member is, in one table',
  help: `
Asks every endpoint, and those that the members name with the same scheme, http or https. One that does not answer is
a row, and no failure; if none answers the exit code is 5. A member of which nobody knows where it answers clients has
a row with its address among the members, and below the table stands what the leader says of it. LAG is how many
entries the member has still to apply, of those that any of them knows to be committed; if only the leader tells of
it, how many its log lacks. SNAPSHOT is the index of its last snapshot, and AGE how old that is; DISK FREE is the room
on the disk of its log. Below the table stands what members warn of, and whose clocks differ by more than a second.

Examples:
  raftexample ctl status --endpoints http://127.0.0.1:23791,http://127.0.0.1:23792
  raftexample ctl status --json | jq '.[].status.applied'
`,
  options: {},
  words: [0, 0],
  parse: () => async (context) => {
    const found = await statuses(context);
    const unasked = await whoIsUnasked(context, found);
    const all = [...found, ...unasked].map(({ error, ...rest }) => ({ ...rest, error: error?.message }));
    await print(context, all, `${statusTable(found, unasked)}${doubts(found, unasked)}`);
    return found.some(({ status: one }) => one !== undefined) ? CtlExit.Done : CtlExit.NotDone;
  },
};

/** How an endpoint is. @property id of its member, also if it does not answer and another one knows it */
export type Place = EndpointStatus & { readonly id: bigint | undefined };

/**
 * How every endpoint is, also those that only the members know, in the order of the members' ids; those that nobody
 * knows come last.
 */
export async function statuses({ client, stopping: signal }: CtlContext): Promise<readonly Place[]> {
  const given = await client.statuses({ signal });
  const found = [...given];
  const ids = new Map<string, bigint>();
  if (given.some(({ status: one }) => one !== undefined)) {
    const known = await client.members({ signal, timeoutMs: MEMBERS_MS }).catch(() => undefined);
    for (const [id, url] of known?.clients ?? []) {
      const origin = announcedOrigin(url, client.endpoints);
      if (origin !== undefined) ids.set(origin, id);
    }
    const seen = new Set(given.map(({ status: one }) => one?.id));
    const more = [...ids].filter(([origin, id]) => !seen.has(id) && !client.endpoints.includes(origin));
    found.push(...(await client.statuses({ signal, endpoints: more.map(([origin]) => origin) })));
  }
  const places = found.map((one): Place => ({ ...one, id: one.status?.id ?? ids.get(one.endpoint) }));
  const order = ({ id }: Place): bigint => id ?? 2n ** 64n;
  return places.sort(
    (a, b) => Number(order(a) > order(b)) - Number(order(a) < order(b)) || a.endpoint.localeCompare(b.endpoint),
  );
}

/** The member that leads; of several that think so, that of the highest term: the others do not know it yet. */
export function leaderOf(places: readonly Place[]): Place | undefined {
  const leaders = places.filter(({ status: one }) => one?.state === 'leader');
  return leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0];
}

/** A member that cannot be asked, and what is known of it. */
interface Unasked {
  readonly id: bigint;
  /** Where the others reach it. */
  readonly peerUrl: string;
  /** Up to where the leader knows its log to be its own; `undefined` if there is none, or it does not say. */
  readonly match: number | undefined;
  /** What the leader says of it, in a sentence. */
  readonly says: string | undefined;
  readonly error: Error;
}

/** The members of which no endpoint is known, as the leader sees them, or whoever answers if there is none. */
async function whoIsUnasked(
  { client, stopping: signal }: CtlContext,
  found: readonly Place[],
): Promise<readonly Unasked[]> {
  const teller = leaderOf(found) ?? found.find(({ status: one }) => one !== undefined);
  if (teller?.status === undefined) return [];
  const { members, followers } = teller.status;
  const seen = new Set(found.map(({ id }) => id));
  const unasked = [...members].filter(([id]) => !seen.has(id)).sort(([a], [b]) => Number(a > b) - Number(a < b));
  return Promise.all(
    unasked.map(async ([id, peerUrl]): Promise<Unasked> => {
      const match = followers?.get(id);
      const asked =
        followers === undefined
          ? undefined
          : client.explain({ member: id, endpoint: teller.endpoint, signal, timeoutMs: MEMBERS_MS });
      const says = await asked?.then(({ text }) => text).catch(() => undefined);
      return { id, peerUrl, match, says, error: new Error('it has told nobody where it answers clients') };
    }),
  );
}

function statusTable(found: readonly Place[], unasked: readonly Unasked[]): string {
  const committed = Math.max(0, ...found.map(({ status: one }) => one?.commit ?? 0));
  const row = (one: MemberStatus): string[] => [
    one.learners.includes(one.id) ? `${one.state} (learner)` : one.state,
    one.leader === 0n ? 'none' : String(one.leader),
    ...[one.term, one.commit, one.applied, committed - one.applied, one.snapshotIndex].map(String),
    one.snapshotAgeMs === undefined ? '' : age(one.snapshotAgeMs),
    one.disk === undefined ? '' : bytes(one.disk.free),
  ];
  return table(
    ['ENDPOINT', 'ID', 'STATE', 'LEADER', 'TERM', 'COMMIT', 'APPLIED', 'LAG', 'SNAPSHOT', 'AGE', 'DISK FREE', ''],
    [
      ...found.map(({ endpoint, id, status: one, error }) => [
        endpoint,
        id === undefined ? '?' : String(id),
        ...(one === undefined
          ? ['down', '', '', '', '', '', '', '', '', whyDown(endpoint, error?.message)]
          : [...row(one), '']),
      ]),
      ...unasked.map(({ id, peerUrl, match, error }) => [
        `(${peerUrl})`,
        String(id),
        'not asked',
        ...['', '', '', ''],
        match === undefined ? '' : String(Math.max(0, committed - match)),
        ...['', '', '', error.message],
      ]),
    ],
  );
}

/** A line for each thing that somebody should look at. */
function doubts(found: readonly Place[], unasked: readonly Unasked[]): string {
  const line = (id: bigint, text: string): string => `${printableLine(`member ${id}: ${text}`, LONGEST_LINE)}\n`;
  const lines = found.flatMap(({ status: one }) => {
    if (one === undefined) return [];
    const clocks = [...(one.clocks ?? [])].map(
      ([other, ms]) => `its clock is ${Math.abs(ms)} ms ${ms > 0 ? 'ahead of' : 'behind'} that of member ${other}`,
    );
    const texts = [...(one.warnings ?? []).map(({ text }) => text), ...clocks];
    return texts.map((text) => line(one.id, text));
  });
  const fromLeader = unasked.flatMap(({ id, says }) => (says === undefined ? [] : [line(id, says)]));
  return [...lines, ...fromLeader].join('');
}

/** `12 s`, `3 min`, `5 h`, `2 days` */
function age(ms: number): string {
  const units = [
    ['days', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  const [unit, length] = units.find(([, one]) => ms >= 2 * one) ?? ['s', 1000];
  return `${Math.floor(ms / length)} ${unit}`;
}

/** The row says already who it is about. */
function whyDown(endpoint: string, message = ''): string {
  return message.startsWith(`${endpoint} `) ? message.slice(endpoint.length + 1) : message;
}
