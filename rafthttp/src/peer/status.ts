import type { NodeId } from '@raft-ts/proto';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { REASON_STAYS_MS } from '../base/limits.js';
import type { LogFields, TransportLogger } from '../base/logger.js';
import type { TransportMetrics } from '../stats/metrics.js';

/** What failed, in etcd's words: `failed to dial 2 on stream Message (connect ECONNREFUSED)`. */
export interface Failure {
  readonly action: 'dial' | 'read' | 'write' | 'heartbeat' | 'post';
  readonly source: 'stream MsgApp v2' | 'stream Message' | 'pipeline' | 'sendMsgSnap';
  readonly error: unknown;
}

/** Most reasons that are told of one loss. */
const MOST_REASONS = 8;

/**
 * Whether a member answers, according to whichever of its channels last found out. Only changes are logged, and while
 * it does not answer each new reason that stays: a member that is started in the place of a lost one may be refused for
 * its certificate, and whoever started it must be told that. For a while after its start what is lost is no warning:
 * members that start at the same time do not find each other at once.
 */
export class PeerStatus {
  private readonly id: NodeId;
  private readonly logger: TransportLogger;
  private readonly metrics: TransportMetrics | undefined;
  private since: Date | undefined;
  /** Runs while the member settles. */
  private settling: NodeJS.Timeout | undefined;
  private lastFailure = 'nothing has been sent';
  private lastReason = '';
  /** Why it does not answer, as far as it was told since it answered last. */
  private readonly told = new Set<string>();
  /** Another reason than those, and since when it has been met: what passes while a member starts is not told. */
  private newReason: { readonly text: string; readonly since: number } | undefined;
  private readonly now: () => number;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(
    id: NodeId,
    logger: TransportLogger,
    metrics: TransportMetrics | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.id = id;
    this.logger = logger;
    this.metrics = metrics;
    this.now = now;
  }

  /** Warns of nothing for so long, and then if the member does not answer. */
  settleFor(ms: number): void {
    this.settling = setTimeout(() => {
      this.settling = undefined;
      if (this.since !== undefined) return;
      this.told.add(this.lastReason);
      const fields = { 'peer-id': formatId(this.id), error: this.lastFailure };
      this.logger.warn(`peer has not become active ${ms} ms after it was added`, fields);
    }, ms);
  }

  stop(): void {
    clearTimeout(this.settling);
  }

  /** Logs that something of the connection to this member was lost. */
  lost(message: string, fields: LogFields): void {
    if (this.settling === undefined) this.logger.warn(message, fields);
    else this.logger.info(message, fields);
  }

  /** Since when it has been answering; undefined if it does not. */
  get activeSince(): Date | undefined {
    return this.since;
  }

  activate(): void {
    if (this.since !== undefined) return;
    this.since = new Date();
    this.told.clear();
    this.newReason = undefined;
    this.metrics?.peerActive(formatId(this.id));
    this.logger.info('peer became active', { 'peer-id': formatId(this.id) });
  }

  deactivate({ action, source, error }: Failure): void {
    const id = formatId(this.id);
    const reason = describeError(error);
    const text = `failed to ${action} ${id} on ${source} (${reason})`;
    this.lastFailure = text;
    this.lastReason = reason;
    if (this.since === undefined) {
      this.logger.debug('peer deactivated again', { 'peer-id': id, error: text });
      this.tellNew(reason, text);
      return;
    }
    this.since = undefined;
    this.told.add(reason);
    this.metrics?.peerInactive(id);
    this.lost('peer became inactive (message send to peer failed)', { 'peer-id': id, error: text });
  }

  /** It does not answer yet: warns if that has had another reason than those told for long enough. */
  private tellNew(reason: string, text: string): void {
    if (this.settling !== undefined || this.told.has(reason) || this.told.size >= MOST_REASONS) return;
    if (this.newReason?.text !== reason) this.newReason = { text: reason, since: this.now() };
    if (this.now() - this.newReason.since < REASON_STAYS_MS) return;
    this.told.add(reason);
    this.newReason = undefined;
    const fields = { 'peer-id': formatId(this.id), error: text };
    this.logger.warn('peer is still inactive, now for another reason', fields);
  }
}
