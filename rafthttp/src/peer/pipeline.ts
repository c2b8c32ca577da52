import { encodeMessage, type Message, MessageType } from '@raft-ts/proto';
import { withDeadline } from '../base/deadline.js';
import { formatId } from '../base/headers.js';
import { PIPELINE_QUEUE_LENGTH, PIPELINE_WORKERS } from '../base/limits.js';
import type { TransportContext } from '../member/context.js';
import type { FollowerStats } from '../stats/leader-stats.js';
import { type ClientContext, checkAnswer, checkFeatures, failureOf, request } from './client.js';
import type { PeerLinks } from './links.js';
import { SendQueue } from './send-queue.js';
import type { PeerStatus } from './status.js';
import type { UrlPicker } from './url-picker.js';

/** What the pipeline needs of what the transport's parts share. */
export type PipelineContext = ClientContext & Pick<TransportContext, 'gateway' | 'metrics' | 'timings'>;

/** The member that a pipeline leads to. */
export interface PipelineTarget {
  readonly links: PeerLinks;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  /** Undefined if the member is not a peer. */
  readonly stats: FollowerStats | undefined;
}

/**
 * Sends messages by POST, a few at a time and therefore in no particular order: snapshots, and everything else while no
 * stream is open.
 */
export class Pipeline {
  private readonly ctx: PipelineContext;
  private readonly target: PipelineTarget;
  private readonly queue = new SendQueue(PIPELINE_QUEUE_LENGTH);
  private readonly workers = new Set<Promise<void>>();
  private underWay = 0;
  private readonly stopping = new AbortController();

  constructor(ctx: PipelineContext, target: PipelineTarget) {
    this.ctx = ctx;
    this.target = target;
  }

  /** Queues this message; returns false if too many are waiting already. */
  offer(message: Message): boolean {
    if (this.stopping.signal.aborted || !this.queue.push(message)) return false;
    if (this.workers.size < PIPELINE_WORKERS) {
      const worker = this.work();
      this.workers.add(worker);
      void worker.finally(() => this.workers.delete(worker));
    }
    return true;
  }

  /**
   * Aborts what is under way and drops what is waiting; resolves when nothing is left. Lost snapshots are reported.
   */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const message of this.queue.clear()) this.ctx.gateway.reportLost(message);
    await Promise.all(this.workers);
  }

  private async work(): Promise<void> {
    for (let message = this.queue.shift(); message !== undefined; message = this.queue.shift()) {
      await this.deliver(message);
    }
  }

  private async deliver(message: Message): Promise<void> {
    const { picker, status, stats, links } = this.target;
    const { gateway, metrics } = this.ctx;
    const isAppend = message.type === MessageType.MsgApp;
    const url = picker.pick(++this.underWay < PIPELINE_WORKERS ? 'any' : 'last');
    const began = performance.now();
    let answered = false;
    try {
      const bytes = await this.post(url, message);
      answered = true;
      metrics?.sentBytes(formatId(links.id), bytes);
    } catch (error) {
      links.features = undefined;
      metrics?.sendFailed(formatId(links.id));
      if (isAppend) stats?.failed();
      if (!this.stopping.signal.aborted) {
        picker.unreachable(url);
        status.deactivate({ action: 'write', source: 'pipeline', error });
        gateway.reportUnreachable(message.to);
      }
      gateway.reportLost(message, error);
      return;
    } finally {
      this.underWay--;
      picker.release(url, answered);
    }
    status.activate();
    if (isAppend) stats?.succeeded(performance.now() - began);
    if (message.type === MessageType.MsgSnap) gateway.reportSnapshot(message.to, 'finish');
  }

  /** Resolves with the length of the message once the peer has processed it. */
  private async post(url: string, message: Message): Promise<number> {
    const { ctx } = this;
    const { links } = this.target;
    const { postTimeoutMs, snapshotTimeoutMs } = ctx.timings;
    const patienceMs = message.type === MessageType.MsgSnap ? snapshotTimeoutMs : postTimeoutMs;
    const timeoutMs = Math.min(patienceMs, this.target.picker.patienceMs(url));
    links.backoff.check();
    const bytes = encodeMessage(message);
    await withDeadline(this.stopping.signal, timeoutMs, async (signal) => {
      await checkFeatures(ctx, links, url, signal);
      const answer = await request(ctx, {
        method: 'POST',
        links,
        url,
        path: '/raft',
        headers: { 'Content-Type': 'application/protobuf' },
        body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        signal,
      });
      if (answer.statusCode !== 204) throw await failureOf(ctx, links, 'POST', answer);
      answer.resume();
      checkAnswer(ctx, links, answer);
    });
    return bytes.length;
  }
}
