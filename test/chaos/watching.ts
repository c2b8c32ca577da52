/** Clients that watch, on whichever member answers, and go on where they were when a connection breaks. */
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from './ask.js';
import type { WatchEvent, Watched } from './weak-judge.js';

export interface WatchPlan {
  readonly prefix: string;
  readonly random: (n: number) => number;
  readonly target: () => Door;
  readonly stopping: AbortSignal;
  readonly find: (what: string) => void;
}

/** A connection is given up after this time, so that resuming is tried often, and a member that is frozen is left. */
const LONGEST_MS = 6000;

/** Watches until it is stopped; returns what it was sent, a part for each time that it lost its place. */
export async function watchAll(plan: WatchPlan): Promise<Watched[]> {
  const watched: Part[] = [];
  let part: Part | undefined;
  while (!plan.stopping.aborted) {
    const current: Part = part ?? { prefix: plan.prefix, after: -1, upTo: -1, events: [] };
    const outcome = await follow(plan, current);
    if (part === undefined && current.after >= 0) watched.push((part = current));
    if (outcome === 'gone') part = undefined;
    await sleep(plan.random(200));
  }
  return watched;
}

interface Part {
  readonly prefix: string;
  after: number;
  upTo: number;
  readonly events: WatchEvent[];
}

/** Reads events on one connection until it breaks. `gone`: this member has no history from there on. */
async function follow({ target, random, stopping, find }: WatchPlan, part: Part): Promise<'broken' | 'gone'> {
  const { host, clientPort: port } = target();
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(500 + random(LONGEST_MS))]);
  const headers = part.after < 0 ? {} : { 'Last-Event-ID': String(part.upTo) };
  const path = `/watch?prefix=${encodeURIComponent(part.prefix)}`;
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host, port, path, headers, agent: false, signal }, resolve).on('error', reject);
    });
    const { statusCode: status } = response;
    if (status !== 200) {
      response.resume();
      if (status !== 410 && status !== 503 && status !== 504) find(`a watch was answered ${status}`);
      return status === 410 ? 'gone' : 'broken';
    }
    response.setEncoding('utf8');
    let text = '';
    // What came of an entry without its id is sent again.
    const pending: WatchEvent[] = [];
    for await (const chunk of response as AsyncIterable<string>) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() as string;
      for (const block of blocks) take(block, part, pending);
    }
  } catch {
    // It broke, or was left.
  }
  return 'broken';
}

function take(block: string, part: Part, pending: WatchEvent[]): void {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const [event, data, id] = [field('event'), field('data'), field('id')];
  if ((event === 'put' || event === 'delete') && data !== undefined) {
    const { key, index, value = '0' } = JSON.parse(data) as { key: string; index: number; value?: string };
    pending.push({ op: event, key, index, token: Number.parseInt(value, 10) });
  }
  if (id === undefined) return;
  if (part.after < 0) part.after = Number(id);
  part.upTo = Number(id);
  part.events.push(...pending.splice(0));
}
