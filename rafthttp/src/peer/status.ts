import type { NodeId } from '@raft-ts/proto';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import type { LogFields, TransportLogger } from '../base/logger.js';
import type { TransportMetrics } from '../stats/metrics.js';

/** What failed, in etcd's words: `failed to dial 2 on stream Message (connect ECONNREFUSED)`. */
export interface Failure {
  readonly action: 'dial' | 'read' | 'write' | 'heartbeat' | 'post';
  readonly source: 'stream MsgApp v2' | 'stream Message' | 'pipeline' | 'sendMsgSnap';
  readonly error: unknown;
}

/**
 * Whether a member answers, according to whichever of its channels last found out. Only changes are logged. For a while
 * after its start what is lost is no warning: members that start at the same time do not find each other at once.
 */
export class PeerStatus {
  private readonly id: NodeId;
  private readonly logger: TransportLogger;
  private readonly metrics: TransportMetrics | undefined;
  private since: Date | undefined;
  /** Runs while the member settles. */
  private settling: NodeJS.Timeout | undefined;
  private lastFailure = 'nothing has been sent';

  constructor(id: NodeId, logger: TransportLogger, metrics: TransportMetrics | undefined) {
    this.id = id;
    this.logger = logger;
    this.metrics = metrics;
  }

  /** Warns of nothing for so long, and then if the member does not answer. */
  settleFor(ms: number): void {
    this.settling = setTimeout(() => {
      this.settling = undefined;
      if (this.since !== undefined) return;
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
    this.metrics?.peerActive(formatId(this.id));
    this.logger.info('peer became active', { 'peer-id': formatId(this.id) });
  }

  deactivate({ action, source, error }: Failure): void {
    const id = formatId(this.id);
    const text = `failed to ${action} ${id} on ${source} (${describeError(error)})`;
    this.lastFailure = text;
    if (this.since === undefined) {
      this.logger.debug('peer deactivated again', { 'peer-id': id, error: text });
      return;
    }
    this.since = undefined;
    this.metrics?.peerInactive(id);
    this.lost('peer became inactive (message send to peer failed)', { 'peer-id': id, error: text });
  }
}
