import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../client/index.js';
import { parseDuration } from '../common/duration.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, exitCodeOf, print, tell, textOf, type Values } from './command.js';
import { CtlExit } from './exit-codes.js';
import { parseIndex } from './flags.js';
import { table } from './table.js';

/** A lease is kept so often in its time. */
const KEPT_IN_ITS_TIME = 3;
/** The pause after a try that failed: this part of the lease's time. */
const TRIED_AGAIN_AFTER = 1 / 20;

type Run = (context: CtlContext) => Promise<number>;

const actions: Readonly<Record<string, (id: string | undefined, values: Values) => Run>> = {
  grant: (id, values) => {
    if (id !== undefined) throw new UsageError('a lease that is granted gets its id from the store');
    const ttlMs = parseDuration('--ttl', textOf(values, 'ttl') ?? '60s');
    return (context) => grant(context, ttlMs);
  },
  keepalive: (id, values) => {
    const lease = leaseOf(id);
    return (context) => (values['now'] === true ? keepNow(context, lease) : keep(context, lease));
  },
  show: (id) => {
    const lease = leaseOf(id);
    return (context) => show(context, lease);
  },
  revoke: (id) => {
    const lease = leaseOf(id);
    return (context) => revoke(context, lease);
  },
};

export const lease: CtlCommand = {
  usage: 'grant | keepalive ID | show ID | revoke ID',
  summary: 'leases, whose keys vanish and whose locks are free when they end',
  help: `  grant          asks for a lease, and prints its id; --ttl DURATION is how long it lasts without being kept, 1s at
                 least (default 60s)
  keepalive ID   keeps it until it is stopped; with --now, once
  show ID        tells how long it still lasts, and what belongs to it
  revoke ID      ends it

A key belongs to a lease if it is put with --lease ID. The store tells of one lease at a time, and lists none. Exit code
6 says that there is no such lease: it has ended, or there never was one.

Examples:
  raftexample ctl lease grant --ttl 30s
  raftexample ctl put workers/7 here --lease 12
  raftexample ctl lease keepalive 12
  raftexample ctl lease show 12
  raftexample ctl lease revoke 12
`,
  options: { ttl: { type: 'string' }, now: { type: 'boolean' } },
  words: [1, 2],
  parse: ([action = '', id], values) => {
    const made = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (made === undefined)
      throw new UsageError(`lease does ${Object.keys(actions).join(', ')}, not '${action}'; see --help`);
    if (values['ttl'] !== undefined && action !== 'grant') throw new UsageError('--ttl is for lease grant');
    if (values['now'] !== undefined && action !== 'keepalive') throw new UsageError('--now is for lease keepalive');
    return made(id, values);
  },
};

function leaseOf(text: string | undefined): number {
  if (text === undefined) throw new UsageError('which lease? Its id follows');
  return parseIndex('ID', text);
}

async function grant(context: CtlContext, ttlMs: number): Promise<number> {
  const granted = await context.client.grantLease(ttlMs, { signal: context.stopping });
  await print(context, granted, `lease ${granted.id}, for ${seconds(granted.ttlMs)}\n`);
  return CtlExit.Done;
}

async function keepNow(context: CtlContext, id: number): Promise<number> {
  const { client, stopping: signal } = context;
  if (!(await client.keepLease(id, { signal }))) return none(context, id);
  await print(context, { id }, `lease ${id} was kept\n`);
  return CtlExit.Done;
}

/** Keeps it until the process is to end, or the lease has ended. */
async function keep(context: CtlContext, id: number): Promise<number> {
  const { client, stopping: signal } = context;
  const found = await client.findLease(id, { signal });
  if (found === undefined) return none(context, id);
  const { ttlMs } = found;
  let kept: number | undefined;
  while (!signal.aborted) {
    let pause = ttlMs / KEPT_IN_ITS_TIME;
    const asked = performance.now();
    try {
      if (!(await client.keepLease(id, { signal, timeoutMs: Math.ceil(ttlMs / KEPT_IN_ITS_TIME) })))
        return await none(context, id);
      if (kept === undefined) await print(context, { id, ttlMs }, `keeping lease ${id}, of ${seconds(ttlMs)}\n`);
      kept = asked;
    } catch (error) {
      if (signal.aborted) break;
      // As long as there is time, it is tried again.
      if (!(error instanceof StoreError) || exitCodeOf(error) !== CtlExit.NotDone) throw error;
      if (asked - (kept ?? asked - ttlMs) >= ttlMs) throw error;
      await tell(context, `lease ${id} could not be kept, and is tried again: ${error.message}`);
      pause = ttlMs * TRIED_AGAIN_AFTER;
    }
    await sleep(pause, undefined, { signal }).catch(() => {});
  }
  return CtlExit.Done;
}

async function show(context: CtlContext, id: number): Promise<number> {
  const found = await context.client.findLease(id, { signal: context.stopping });
  if (found === undefined) return none(context, id);
  const rows = [...found.keys.map((key) => ['key', key]), ...found.locks.map((name) => ['lock', name])];
  const left = `lease ${id}, of ${seconds(found.ttlMs)}, lasts for ${seconds(found.remainingMs)} more\n`;
  await print(context, found, `${left}${rows.length === 0 ? '' : table(['WHAT', 'NAME'], rows)}`);
  return CtlExit.Done;
}

async function revoke(context: CtlContext, id: number): Promise<number> {
  if (!(await context.client.revokeLease(id, { signal: context.stopping }))) return none(context, id);
  await print(context, { id }, `lease ${id} was ended\n`);
  return CtlExit.Done;
}

async function none(context: CtlContext, id: number): Promise<number> {
  await tell(context, `there is no lease ${id}: it has ended, or there never was one`);
  return CtlExit.NoKey;
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}
