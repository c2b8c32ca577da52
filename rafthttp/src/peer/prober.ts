import type { IncomingMessage } from 'node:http';
import { withDeadline } from '../base/deadline.js';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { CLOCK_DRIFT_MS } from '../base/limits.js';
import type { LogFields } from '../base/logger.js';
import type { TransportContext } from '../member/context.js';
import { askProbe, readText } from './client.js';
import type { LinkAgents, PeerLinks } from './links.js';

/** What the prober needs of what the transport's parts share. */
export type ProberContext = Pick<TransportContext, 'logger' | 'metrics' | 'timings'>;

/** The results of the probes on one route to a peer. */
interface Findings {
  healthy: boolean;
  /** Why the last probe failed; undefined before the first has ended. */
  error: string | undefined;
  /** Smoothed round trip, in milliseconds; undefined before the first. */
  roundTripMs: number | undefined;
  /** How far our clock is ahead of the peer's at least, in milliseconds. */
  clockDiffMs: number;
}

/** The routes to a peer, by etcd's names. */
const ways = ['ROUND_TRIPPER_SNAPSHOT', 'ROUND_TRIPPER_RAFT_MESSAGE'] as const;

/**
 * Checks now and then whether a peer is alive, what its clock says and how long a round trip takes. Nothing depends on
 * it: it informs operators, and it keeps a connection open for the next POST.
 */
export class Prober {
  private readonly stopping = new AbortController();
  private readonly probes: readonly Probe[];

  /** @param urls the peer's URLs, tried in turn */
  constructor(ctx: ProberContext, links: PeerLinks, urls: readonly string[]) {
    const { signal } = this.stopping;
    const agents = { ROUND_TRIPPER_SNAPSHOT: links.pipeline, ROUND_TRIPPER_RAFT_MESSAGE: links.stream };
    this.probes = ways.map(
      (way) => new Probe(ctx, { way, peer: formatId(links.id), agents: agents[way], urls, signal }),
    );
  }

  /**
   * By how much this member's clock is ahead of the peer's at least, in milliseconds; undefined if no probe is
   * answered.
   */
  get clockDiffMs(): number | undefined {
    const known = this.probes.map((probe) => probe.clockDiffMs).filter((ms) => ms !== undefined);
    // What an answer is late by looks like a difference, so the smaller one is closer to the truth.
    return known.length === 0 ? undefined : known.reduce((best, ms) => (Math.abs(ms) < Math.abs(best) ? ms : best));
  }

  stop(): void {
    this.stopping.abort();
    for (const probe of this.probes) probe.stop();
  }
}

interface ProbeOptions {
  readonly way: (typeof ways)[number];
  readonly peer: string;
  readonly agents: LinkAgents;
  readonly urls: readonly string[];
  readonly signal: AbortSignal;
}

class Probe {
  private readonly ctx: ProberContext;
  private readonly options: ProbeOptions;
  private readonly ticker: NodeJS.Timeout;
  private monitor: NodeJS.Timeout;
  private readonly findings: Findings = {
    healthy: false,
    error: undefined,
    roundTripMs: undefined,
    clockDiffMs: 0,
  };
  private current = 0;
  private asking = false;
  /** The state that was logged last: only changes are logged. */
  private reported: 'healthy' | 'unhealthy' | undefined;
  private drifting = false;

  constructor(ctx: ProberContext, options: ProbeOptions) {
    this.ctx = ctx;
    this.options = options;
    this.ticker = setInterval(() => void this.ask(), ctx.timings.probeIntervalMs);
    this.monitor = setTimeout(() => this.look(), ctx.timings.probeErrorMs);
  }

  stop(): void {
    clearInterval(this.ticker);
    clearTimeout(this.monitor);
  }

  get clockDiffMs(): number | undefined {
    return this.findings.healthy ? this.findings.clockDiffMs : undefined;
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const { urls, agents, signal } = this.options;
    const url = urls[this.current % urls.length] as string;
    const began = performance.now();
    try {
      const theirs = await withDeadline(signal, this.ctx.timings.dialTimeoutMs, async (cut) => {
        return readProbe(await askProbe({ url, agents, signal: cut }));
      });
      this.answered(performance.now() - began, theirs);
    } catch (error) {
      this.findings.healthy = false;
      this.findings.error = describeError(error);
      this.current++;
    } finally {
      this.asking = false;
    }
  }

  private answered(tookMs: number, theirs: number): void {
    const { findings } = this;
    findings.healthy = true;
    findings.roundTripMs = findings.roundTripMs === undefined ? tookMs : 0.875 * findings.roundTripMs + 0.125 * tookMs;
    findings.clockDiffMs = leastDifference(Date.now() - theirs, tookMs);
  }

  /** Checks the results of the probes, and logs what has changed. */
  private look(): void {
    const { healthy, roundTripMs, clockDiffMs, error } = this.findings;
    const { metrics, logger, timings } = this.ctx;
    if (healthy && roundTripMs !== undefined) {
      metrics?.roundTrip(this.options.peer, roundTripMs / 1000);
      if (this.reported === 'unhealthy') logger.info('prober detected healthy status', this.fields());
      const drifting = Math.abs(clockDiffMs) > CLOCK_DRIFT_MS;
      if (drifting && !this.drifting) {
        logger.warn('prober found high clock drift', { ...this.fields(), 'clock-drift-ms': Math.round(clockDiffMs) });
      }
      this.drifting = drifting;
      this.reported = 'healthy';
    } else if (error !== undefined) {
      if (this.reported !== 'unhealthy') {
        logger.warn('prober detected unhealthy status', { ...this.fields(), error });
      }
      this.reported = 'unhealthy';
    }
    this.monitor = setTimeout(() => this.look(), healthy ? timings.probeStatusMs : timings.probeErrorMs);
  }

  private fields(): LogFields {
    const { way, peer } = this.options;
    return { 'round-tripper-name': way, 'remote-peer-id': peer, rtt: this.findings.roundTripMs ?? 0 };
  }
}

/**
 * Returns the smallest difference between two clocks with which the peer can have read its own at some moment of the
 * round trip. What lies beyond is not known: an answer that was long on its way says little about clocks.
 * @param behindMs our clock at the end, less the peer's as it answered
 * @param tookMs the round trip
 */
function leastDifference(behindMs: number, tookMs: number): number {
  // It answered between the beginning, tookMs before the end, and the end.
  return behindMs < 0 ? behindMs : Math.max(0, behindMs - tookMs);
}

async function readProbe(answer: IncomingMessage): Promise<number> {
  const text = await readText(answer);
  if (answer.statusCode !== 200) throw new Error(`unexpected http status ${answer.statusCode}`);
  return parseProbe(text);
}

/** Parses the peer's clock from the answer to a probe, in milliseconds since 1970. Throws if it is malformed. */
export function parseProbe(text: string): number {
  const health: unknown = JSON.parse(text);
  if (typeof health !== 'object' || health === null) throw new Error('the answer to a probe is not an object');
  const { OK, Now } = health as { OK?: unknown; Now?: unknown };
  // Go writes nanoseconds; anything below milliseconds is cut off.
  const now = typeof Now === 'string' ? Date.parse(Now.replace(/(\.\d{3})\d+/u, '$1')) : Number.NaN;
  if (OK !== true || Number.isNaN(now)) throw new Error('a probe was answered as not healthy');
  return now;
}
