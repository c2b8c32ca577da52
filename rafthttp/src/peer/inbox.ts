import { type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { MAX_PROCESSING, MAX_PROCESSING_BYTES, MAX_PROCESSING_PROPOSALS } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import { Waiting } from '../base/waiting.js';
import type { Gateway } from '../member/gateway.js';
import type { TransportMetrics } from '../stats/metrics.js';
import { payloadBytes } from './payload.js';

/** Creates the bounds for one peer. */
function places(messages: number): Waiting {
  return new Waiting({ messages, bytes: MAX_PROCESSING_BYTES, bytesPerSender: MAX_PROCESSING_BYTES });
}

/**
 * Messages from one peer's streams that are being processed. They are handed over in order of arrival, each without
 * waiting for the one before. The number of unsettled ones and their bytes are bounded, separately for proposals, which
 * can wait for a leader. Beyond the bounds messages are dropped, as by a network.
 */
export class Inbox {
  private readonly from: NodeId;
  private readonly gateway: Gateway;
  private readonly logger: TransportLogger;
  private readonly metrics: TransportMetrics | undefined;
  private readonly messages = places(MAX_PROCESSING);
  private readonly proposals = places(MAX_PROCESSING_PROPOSALS);
  private dropping = false;

  constructor(from: NodeId, gateway: Gateway, logger: TransportLogger, metrics?: TransportMetrics) {
    this.from = from;
    this.gateway = gateway;
    this.logger = logger;
    this.metrics = metrics;
  }

  deliver(message: Message): void {
    const waiting = message.type === MessageType.MsgProp ? this.proposals : this.messages;
    const leave = waiting.enter('', payloadBytes(message));
    if (leave === undefined) return this.drop();
    this.dropping = false;
    let settles: void | Promise<void> = undefined;
    try {
      settles = this.gateway.process(message);
    } catch (error) {
      this.refused(error);
    }
    if (settles === undefined) leave();
    else void this.settle(settles, leave);
  }

  private async settle(done: Promise<void>, leave: () => void): Promise<void> {
    try {
      await done;
    } catch (error) {
      this.refused(error);
    } finally {
      leave();
    }
  }

  private drop(): void {
    if (!this.dropping) this.logger.warn('dropped internal Raft message since receiving buffer is full', this.fields());
    this.dropping = true;
    this.metrics?.receiveFailed(formatId(this.from));
  }

  private refused(error: unknown): void {
    this.logger.debug('failed to process Raft message', { ...this.fields(), error: describeError(error) });
  }

  private fields(): Record<string, string> {
    return { 'remote-peer-id': formatId(this.from) };
  }
}
