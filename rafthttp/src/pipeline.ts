import { encodeMessage, type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { checkIncarnation, failureOf, request } from './client.js';
import type { TransportContext } from './context.js';
import { withDeadline } from './deadline.js';
import { describeError } from './describe-error.js';
import { PIPELINE_QUEUE_LENGTH, PIPELINE_WORKERS } from './limits.js';
import type { PeerStatus } from './peer-status.js';
import { SendQueue } from './send-queue.js';
import type { UrlPicker } from './url-picker.js';

/** Sends messages by POST, a few at a time and so in no order: snapshots, and all else while no stream is open. */
export class Pipeline {
  private readonly ctx: TransportContext;
  private readonly peer: NodeId;
  private readonly picker: UrlPicker;
  private readonly status: PeerStatus;
  private readonly queue = new SendQueue(PIPELINE_QUEUE_LENGTH);
  private readonly workers = new Set<Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(ctx: TransportContext, peer: NodeId, picker: UrlPicker, status: PeerStatus) {
    this.ctx = ctx;
    this.peer = peer;
    this.picker = picker;
    this.status = status;
  }

  /** Send this message; false where too many wait already. */
  offer(message: Message): boolean {
    if (this.stopping.signal.aborted || !this.queue.push(message)) return false;
    if (this.workers.size < PIPELINE_WORKERS) {
      const worker = this.work();
      this.workers.add(worker);
      void worker.finally(() => this.workers.delete(worker));
    }
    return true;
  }

  /** Break off what is under way and drop what waits; resolves when nothing is. Snapshots among it are reported. */
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
    const url = this.picker.pick();
    const { gateway } = this.ctx;
    try {
      await this.post(url, message);
    } catch (error) {
      if (!this.stopping.signal.aborted) {
        this.picker.unreachable(url);
        this.status.deactivate({ action: 'write', source: 'pipeline', error: describeError(error) });
        gateway.reportUnreachable(message.to);
      }
      gateway.reportLost(message);
      return;
    }
    this.status.activate();
    if (message.type === MessageType.MsgSnap) gateway.reportSnapshot(message.to, 'finish');
  }

  /** Resolves when the peer has processed the message. */
  private async post(url: string, message: Message): Promise<void> {
    const { ctx, peer } = this;
    const { postTimeoutMs, snapshotTimeoutMs } = ctx.timings;
    const timeoutMs = message.type === MessageType.MsgSnap ? snapshotTimeoutMs : postTimeoutMs;
    const bytes = encodeMessage(message);
    await withDeadline(this.stopping.signal, timeoutMs, async (signal) => {
      const answer = await request(ctx, {
        method: 'POST',
        peer,
        url: `${url}/raft`,
        headers: { 'Content-Type': 'application/protobuf' },
        body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        signal,
      });
      if (answer.statusCode !== 204) throw await failureOf(ctx, peer, 'POST', answer);
      answer.resume();
      checkIncarnation(ctx, peer, answer);
    });
  }
}
