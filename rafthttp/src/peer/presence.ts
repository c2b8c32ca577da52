import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from '../base/deadline.js';
import { formatId, Header, headerOf, type ProcessName, processIn } from '../base/headers.js';
import { ADDRESS_CHECK_GAP_MS, MAX_ADDRESS_CHECKS, UNREACHABLE_GAP_MS, UNREACHABLE_MS } from '../base/limits.js';
import type { TransportContext } from '../member/context.js';
import { askProbe, readText } from './client.js';
import type { PeerLinks } from './links.js';
import type { UrlPicker } from './url-picker.js';

/** What this class needs of what the transport's parts share. */
export type PresenceContext = Pick<TransportContext, 'clusterId' | 'incarnations' | 'timings'>;

/** How the sender of a request relates to the process at the member's addresses. */
export type Whereabouts = 'here' | 'elsewhere' | 'unknown' | 'busy';

/**
 * Tells a restarted process from a second one that runs at the same time. Both send the same incarnation, because they
 * have the same log, but different runs; only one of them is at the member's address. So after a request has come the
 * address is dialled: if a process with that incarnation but another run answers, both are alive, and the sender is the
 * one that is not at its address. If nobody answers, nothing is known, and the sender is let in: the member may not be
 * reachable from here.
 */
export class Presence {
  private readonly ctx: PresenceContext;
  private readonly links: PeerLinks;
  private readonly picker: UrlPicker;
  private readonly stopping = new AbortController();
  /** The current round, and the next one, which has not begun and serves whoever asks now. */
  private current: Promise<readonly ProcessName[]> = Promise.resolve([]);
  private next: Promise<readonly ProcessName[]> | undefined;
  /** When the next round may begin, and until when the member counts as unreachable; by `performance.now`. */
  private freeAtMs = 0;
  private unreachableUntilMs = 0;
  private waiting = 0;

  constructor(ctx: PresenceContext, links: PeerLinks, picker: UrlPicker) {
    this.ctx = ctx;
    this.links = links;
    this.picker = picker;
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Is the process that sent a request the one at the member's address? `busy` if too many ask at once. */
  async whereIs(sender: ProcessName): Promise<Whereabouts> {
    if (sender.run === this.links.run) return 'here';
    if (this.waiting >= MAX_ADDRESS_CHECKS) return 'busy';
    this.waiting++;
    try {
      await this.current;
      // The current round may have found this very process: members that start together need no second one.
      if (sender.run === this.links.run) return 'here';
      if (performance.now() < this.unreachableUntilMs) {
        // The result comes too late for this request, but ends this state as soon as the member can be reached.
        void this.look();
        return 'unknown';
      }
      const found = await this.look();
      if (found.some(({ run }) => run === sender.run)) return 'here';
      return found.some(({ incarnation }) => incarnation === sender.incarnation) ? 'elsewhere' : 'unknown';
    } finally {
      this.waiting--;
    }
  }

  /** Returns the processes that answer at the member's addresses in a round that begins after this call. */
  private look(): Promise<readonly ProcessName[]> {
    this.next ??= this.round();
    return this.next;
  }

  private async round(): Promise<readonly ProcessName[]> {
    await this.current;
    // Strangers' requests cause rounds too, so these are spaced out.
    const waitMs = this.freeAtMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    this.next = undefined;
    this.current = this.dialAll();
    return this.current;
  }

  private async dialAll(): Promise<readonly ProcessName[]> {
    const answers = await Promise.all(this.picker.all.map((url) => this.dial(url)));
    const found = answers.filter((one) => one !== undefined);
    const now = performance.now();
    this.freeAtMs = now + (found.length === 0 ? UNREACHABLE_GAP_MS : ADDRESS_CHECK_GAP_MS);
    this.unreachableUntilMs = found.length === 0 ? now + UNREACHABLE_MS : 0;
    for (const { incarnation } of found) this.ctx.incarnations.remember(this.links.id, incarnation);
    if (found[0] !== undefined && !found.some(({ run }) => run === this.links.run)) this.links.run = found[0].run;
    return found;
  }

  /** Returns the process at this address; undefined if nobody answers, or it is not this member. */
  private async dial(url: string): Promise<ProcessName | undefined> {
    const { ctx, links } = this;
    // Half the timeout of a dial, because the requests that wait for this are dials too.
    const timeoutMs = ctx.timings.dialTimeoutMs / 2;
    try {
      return await withDeadline(this.stopping.signal, timeoutMs, async (signal) => {
        const answer = await askProbe({
          url,
          headers: { 'Cache-Control': 'no-store' },
          agents: links.stream,
          signal,
        });
        await readText(answer);
        const isMember =
          answer.statusCode === 200 &&
          headerOf(answer, Header.clusterId) === formatId(ctx.clusterId) &&
          headerOf(answer, Header.from) === formatId(links.id);
        return isMember ? processIn(answer) : undefined;
      });
    } catch {
      return undefined;
    }
  }
}
