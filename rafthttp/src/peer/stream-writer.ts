import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Message, messageSize, type NodeId } from '@raft-ts/proto';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { EARLY_WRITE_LENGTH, STREAM_QUEUE_LENGTH, WRITE_BATCH_BYTES } from '../base/limits.js';
import type { LogFields } from '../base/logger.js';
import { linkHeartbeat, type StreamEncoder } from '../codec/stream-codec.js';
import { WriteBuffer } from '../codec/write-buffer.js';
import type { TransportContext } from '../member/context.js';
import type { FollowerStats } from '../stats/leader-stats.js';
import { SendQueue } from './send-queue.js';
import type { Failure, PeerStatus } from './status.js';
import type { StreamRow } from './stream-kind.js';

/** What the writer needs of what the transport's parts share. */
export type WriterContext = Pick<TransportContext, 'features' | 'gateway' | 'logger' | 'metrics' | 'timings'>;

/** A stream that the peer has opened here. */
interface Connection {
  readonly response: ServerResponse;
  /**
   * The socket under the response. Chunks are framed here and written to it: through the response each would cost four
   * writes and a pass through its queues.
   */
  readonly socket: Socket;
  /** What the peer showed when it opened the stream. */
  readonly features: number;
  readonly encoder: StreamEncoder;
  readonly heartbeat: NodeJS.Timeout;
  /** The socket's buffer is full; `drain` will follow. */
  blocked: boolean;
}

/**
 * Writes one kind of messages to one peer while the peer holds a stream open here. What is sent within one turn of the
 * event loop leaves in one write, or a few if it is much, and nothing is encoded while the socket's buffer is full.
 */
export class StreamWriter {
  private readonly ctx: WriterContext;
  private readonly peer: NodeId;
  private readonly row: StreamRow;
  private readonly status: PeerStatus;
  private readonly stats: FollowerStats | undefined;
  private readonly queue = new SendQueue(STREAM_QUEUE_LENGTH);
  private connection: Connection | undefined;
  /** Memory to reuse for the next write. */
  private spare: Buffer | undefined;
  /** A flush at the end of this turn of the event loop. */
  private scheduled: NodeJS.Immediate | undefined;
  /** Is a flush in progress? */
  private writing = false;
  private stopped = false;

  /** @param stats counts the appends of this stream */
  constructor(ctx: WriterContext, peer: NodeId, row: StreamRow, status: PeerStatus, stats?: FollowerStats) {
    this.ctx = ctx;
    this.peer = peer;
    this.row = row;
    this.status = status;
    this.stats = stats;
  }

  /** Does the peer hold a stream open here? */
  get working(): boolean {
    return this.connection !== undefined;
  }

  /** Queues this message; returns false if too many are waiting already. */
  offer(message: Message): boolean {
    if (!this.queue.push(message)) return false;
    if (this.queue.length >= EARLY_WRITE_LENGTH) this.flush();
    else this.flushSoon();
    return true;
  }

  /** Writes to this answer from now on, in chunks. Its head has been sent. Ends the answer that was attached before. */
  attach(response: ServerResponse, features: number): void {
    const { socket } = response;
    if (this.stopped || socket === null) {
      response.end();
      return;
    }
    if (this.connection !== undefined) {
      this.end(this.connection);
      this.status.lost('closed TCP streaming connection with remote peer', this.fields());
    }
    const connection: Connection = {
      response,
      socket,
      features,
      encoder: this.row.encoder(),
      heartbeat: setInterval(() => this.beat(connection), this.ctx.timings.heartbeatMs),
      blocked: false,
    };
    this.connection = connection;
    socket.on('drain', () => {
      connection.blocked = false;
      this.flush();
    });
    response.on('close', () => this.lost(connection, 'write', 'the peer closed the stream'));
    response.on('error', (error) => this.lost(connection, 'write', error));
    // Fires only if a write makes no progress, because heartbeats keep an idle stream busy.
    response.setTimeout(this.ctx.timings.writeTimeoutMs, () => {
      if (connection !== this.connection) response.destroy();
      else if (connection.blocked) this.lost(connection, 'write', 'write timeout');
    });
    this.status.activate();
    this.ctx.logger.info('established TCP streaming connection with remote peer', this.fields());
    this.flushSoon();
  }

  /** Cuts a stream that was opened by a process which showed less than is asked of it now. */
  recheck(): void {
    const { connection } = this;
    if (connection === undefined || connection.features >= this.ctx.features.required) return;
    this.lost(connection, 'write', 'the peer does not show the features that this cluster uses now');
  }

  stop(): void {
    this.stopped = true;
    if (this.connection !== undefined) this.end(this.connection);
    this.queue.clear();
  }

  private flushSoon(): void {
    this.scheduled ??= setImmediate(() => this.flush());
  }

  /** Writes what waits. */
  flush(): void {
    clearImmediate(this.scheduled);
    this.scheduled = undefined;
    // A report in the middle of a write may make the receiver send: that goes into the next write, to keep the order.
    if (this.writing) return;
    this.writing = true;
    try {
      this.writeBatches();
    } finally {
      this.writing = false;
    }
  }

  private writeBatches(): void {
    const { connection } = this;
    while (connection !== undefined && connection === this.connection && !connection.blocked && this.queue.length > 0) {
      const began = performance.now();
      const out = this.newBuffer();
      const messages = this.encodeBatch(connection.encoder, out);
      this.write(connection, out);
      if (messages > 0) this.stats?.succeeded((performance.now() - began) / messages, messages);
    }
  }

  private newBuffer(): WriteBuffer {
    const { spare } = this;
    this.spare = undefined;
    return new WriteBuffer(spare);
  }

  /** Encodes waiting messages, up to the size of one write. Returns their number. */
  private encodeBatch(encoder: StreamEncoder, out: WriteBuffer): number {
    let messages = 0;
    while (out.length < WRITE_BATCH_BYTES) {
      const message = this.queue.shift();
      if (message === undefined) break;
      try {
        encoder.encode(message, out);
        messages++;
        this.ctx.metrics?.sentBytes(formatId(this.peer), messageSize(message));
      } catch (error) {
        this.ctx.metrics?.sendFailed(formatId(this.peer));
        this.ctx.logger.error('failed to encode Raft message', { ...this.fields(), error: describeError(error) });
        this.ctx.gateway.reportUnreachable(this.peer);
      }
    }
    return messages;
  }

  private beat(connection: Connection): void {
    this.flush();
    if (connection !== this.connection || connection.blocked) return;
    const out = this.newBuffer();
    connection.encoder.encodeHeartbeat(out);
    this.ctx.metrics?.sentBytes(formatId(this.peer), messageSize(linkHeartbeat));
    this.write(connection, out);
  }

  private write(connection: Connection, out: WriteBuffer): void {
    if (out.length === 0 || connection !== this.connection) return;
    const { socket } = connection;
    const pieces = out.chunk();
    // Corked, they leave in one system call.
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    connection.blocked = socket.writableNeedDrain;
    // Nothing is buffered: the system has taken everything.
    if (socket.writableLength === 0) this.spare = out.reusable;
  }

  /** The stream broke: what was waiting for it is lost. */
  private lost(connection: Connection, action: Failure['action'], error: unknown): void {
    if (connection !== this.connection) return;
    this.release(connection);
    connection.response.destroy();
    this.status.deactivate({ action, source: this.row.source, error });
    this.ctx.metrics?.sendFailed(formatId(this.peer));
    const fields = { ...this.fields(), error: describeError(error) };
    this.status.lost('lost TCP streaming connection with remote peer', fields);
    if (this.queue.clear().length > 0) this.ctx.gateway.reportUnreachable(this.peer);
  }

  /** Ends a stream properly, and its socket, which the other side does not use for anything else. */
  private end(connection: Connection): void {
    const { response, socket, blocked } = connection;
    this.release(connection);
    if (blocked) response.destroy();
    else response.end(() => socket.destroySoon());
  }

  private release(connection: Connection): void {
    clearInterval(connection.heartbeat);
    this.connection = undefined;
  }

  private fields(): LogFields {
    return { 'stream-writer-type': this.row.source, 'remote-peer-id': formatId(this.peer) };
  }
}
