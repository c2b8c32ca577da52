/**
 * Judges what is promised less than linearizable reads are: stale reads see some prefix of the one order, which only
 * grows on one connection; a watch is sent every change of its prefix of the order, once and in order. Indexes tell the
 * order.
 */
import { ABSENT, describeOperation, type Operation } from '@raft-ts/sim/internal';

/** A read of what the member has applied. */
export interface StaleRead {
  readonly key: string;
  readonly member: number;
  /** Reads with the same number came one after the other on one connection. */
  readonly connection: number;
  readonly ended: number;
  /** The write that was seen, and its index; ABSENT and 0 if the key was absent. */
  readonly seen: number;
  readonly index: number;
}

/** One event of a watch. */
export interface WatchEvent {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly index: number;
  /** Of a put: the write whose value it shows. */
  readonly token: number;
}

/** What a client was sent, over however many connections on whichever members, without having lost its place. */
export interface Watched {
  readonly prefix: string;
  /** It asked for what comes after this index. */
  readonly after: number;
  /** It was told that it has seen everything up to this index. */
  readonly upTo: number;
  readonly events: readonly WatchEvent[];
}

/** What the history says about the order. */
interface Order {
  readonly byToken: ReadonlyMap<number, Operation>;
  /** Indexes at which a key is known to have changed, ascending. */
  readonly changes: ReadonlyMap<string, readonly number[]>;
  readonly deletes: ReadonlyMap<string, ReadonlySet<number>>;
  /** Keys whose deletes nobody knows all of. */
  readonly lost: ReadonlySet<string>;
  readonly puts: readonly Operation[];
}

function orderOf(history: readonly Operation[]): Order {
  const byToken = new Map<number, Operation>();
  const changes = new Map<string, number[]>();
  const deletes = new Map<string, Set<number>>();
  const lost = new Set<string>();
  const puts: Operation[] = [];
  for (const operation of history) {
    const { token, kind, outcome, key, index } = operation;
    byToken.set(token, operation);
    if (kind === 'delete' && outcome === 'unknown') lost.add(key);
    if (kind === 'get' || outcome !== 'done') continue;
    changes.set(key, [...(changes.get(key) ?? []), index]);
    if (kind === 'put') puts.push(operation);
    else deletes.set(key, (deletes.get(key) ?? new Set()).add(index));
  }
  for (const indexes of changes.values()) indexes.sort((a, b) => a - b);
  return { byToken, changes, deletes, lost, puts };
}

/** Returns why nobody can have been shown this version, if so. */
function faultOfVersion(order: Order, key: string, token: number, index: number, ended: number): string | undefined {
  const write = order.byToken.get(token);
  if (write === undefined || write.kind !== 'put' || write.key !== key) return 'which nobody wrote to this key';
  const shown = describeOperation(write);
  if (write.outcome === 'nothing' || write.outcome === 'refused') return `which was not carried out: ${shown}`;
  if (write.outcome === 'done' && write.index !== index) return `at another index than its own: ${shown}`;
  return write.began > ended ? `before it was called: ${shown}` : undefined;
}

export function judgeStale(history: readonly Operation[], reads: readonly StaleRead[]): string[] {
  const order = orderOf(history);
  const findings: string[] = [];
  /** On each connection: the shortest prefix that its last read can have seen. */
  const places = new Map<number, number>();
  for (const read of reads) {
    const { key, seen, index, connection } = read;
    const place = places.get(connection) ?? 0;
    const changes = order.changes.get(key) ?? [];
    const find = (what: string): void => void findings.push(`a stale read ${what}: ${JSON.stringify(read)}`);
    if (seen === ABSENT) {
      // A delete of unknown outcome can explain it at any place.
      if (order.lost.has(key)) continue;
      // Absent before its first change, and from each delete to the next change.
      const gone = order.deletes.get(key) ?? new Set();
      const until = (from: number): number => changes.find((change) => change > from) ?? Number.POSITIVE_INFINITY;
      const begins = [0, ...gone].sort((a, b) => a - b).find((from) => until(from) > place);
      if (begins !== undefined) places.set(connection, Math.max(place, begins));
      else find(`finds a key absent that nobody deleted after ${place}`);
      continue;
    }
    const fault = faultOfVersion(order, key, seen, index, read.ended);
    if (fault !== undefined) find(`shows a version ${fault}`);
    const next = changes.find((change) => change > index) ?? Number.POSITIVE_INFINITY;
    if (next <= place) find(`goes back: version ${next} was there at ${place}, seen on this connection before`);
    places.set(connection, Math.max(place, index));
  }
  return findings;
}

export function judgeWatches(history: readonly Operation[], watches: readonly Watched[]): string[] {
  const order = orderOf(history);
  return watches.flatMap((watched) => judgeWatch(order, watched));
}

function judgeWatch(order: Order, { prefix, after, upTo, events }: Watched): string[] {
  const findings: string[] = [];
  const find = (what: string, about: object): void =>
    void findings.push(`a watch of '${prefix}' from ${after} on ${what}: ${JSON.stringify(about)}`);
  const sent = new Set<string>();
  let last = after;
  for (const event of events) {
    const { op, key, index, token } = event;
    if (!key.startsWith(prefix)) find('shows what it did not ask for', event);
    if (index < last || index <= after) find(`shows what comes before ${last}`, event);
    if (sent.has(`${index} ${key}`)) find('shows a change twice', event);
    sent.add(`${index} ${key}`);
    last = Math.max(last, index);
    if (op === 'put') {
      const fault = faultOfVersion(order, key, token, index, Number.POSITIVE_INFINITY);
      if (fault !== undefined) find(`shows a version ${fault}`, event);
    } else if (order.deletes.get(key)?.has(index) !== true && !order.lost.has(key)) {
      find('shows a delete that nobody carried out', event);
    }
  }
  for (const { key, index, token } of order.puts) {
    const isDue = key.startsWith(prefix) && index > after && index <= upTo;
    if (isDue && !sent.has(`${index} ${key}`)) find('leaves out a change', { key, index, token });
  }
  return findings;
}
