import type { ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import type { Message, NodeId } from '@raft-ts/proto';
import { badArgument, checkPosition, checkRecord } from '@raft-ts/proto/internal';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { SNAPSHOT_PROGRESS_BYTES } from '../base/limits.js';
import type { LogFields } from '../base/logger.js';
import type { TransportContext } from '../member/context.js';
import { CHECKSUM_TRAILER, SnapshotChecksum } from '../snapshot/checksum.js';
import { encodeEnvelope, indexOf } from '../snapshot/envelope.js';
import type { SnapshotBody } from '../snapshot/store.js';
import { type ClientContext, checkAnswer, checkFeatures, failureOf, request } from './client.js';
import type { PeerLinks } from './links.js';
import type { PeerStatus } from './status.js';
import type { UrlPicker } from './url-picker.js';

/** What the sender of snapshots needs of what the transport's parts share. */
export type SnapshotSenderContext = ClientContext &
  Pick<TransportContext, 'gateway' | 'logger' | 'metrics' | 'onSnapshotProgress' | 'timings'>;

/** Sends snapshots with a separate body to one member, each in a POST of its own. */
export class SnapshotSender {
  private readonly ctx: SnapshotSenderContext;
  private readonly links: PeerLinks;
  private readonly picker: UrlPicker;
  private readonly status: PeerStatus;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(ctx: SnapshotSenderContext, links: PeerLinks, picker: UrlPicker, status: PeerStatus) {
    this.ctx = ctx;
    this.links = links;
    this.picker = picker;
    this.status = status;
  }

  /** Sends a snapshot; tells raft how it ended, and resolves with that. */
  send(message: Message, body: SnapshotBody): Promise<SnapshotStatus> {
    const sent = this.deliver(message, body);
    this.underWay.add(sent);
    void sent.finally(() => this.underWay.delete(sent));
    return sent;
  }

  /** Aborts what is under way; resolves when nothing is left. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.underWay);
  }

  private async deliver(message: Message, body: SnapshotBody): Promise<SnapshotStatus> {
    const { gateway, logger, metrics } = this.ctx;
    const { id } = this.links;
    const url = this.picker.pick();
    const fields: LogFields = { 'remote-peer-id': formatId(id), 'snapshot-index': indexOf(message), bytes: body.size };
    const began = performance.now();
    let answered = false;
    metrics?.snapshotSendBegan(formatId(id));
    logger.info('sending database snapshot', fields);
    try {
      const envelopeBytes = await this.post(url, message, body);
      answered = true;
      metrics?.snapshotSent(formatId(id), (performance.now() - began) / 1000, envelopeBytes + body.size);
    } catch (error) {
      this.links.features = undefined;
      metrics?.snapshotSendFailed(formatId(id));
      logger.warn('failed to send database snapshot', { ...fields, error: describeError(error) });
      if (!this.stopping.signal.aborted) {
        this.picker.unreachable(url);
        this.status.deactivate({ action: 'post', source: 'sendMsgSnap', error });
        gateway.reportUnreachable(id);
      }
      gateway.reportSnapshot(id, 'failure', error);
      return 'failure';
    } finally {
      this.picker.release(url, answered);
    }
    logger.info('sent database snapshot', fields);
    this.status.activate();
    gateway.reportSnapshot(id, 'finish');
    return 'finish';
  }

  /** Resolves with the length of the envelope once the peer has accepted everything. */
  private async post(url: string, message: Message, body: SnapshotBody): Promise<number> {
    const { ctx, links } = this;
    const deadline = new Deadline(this.stopping.signal, ctx.timings.snapshotStallMs);
    const { size } = body;
    let told = 0;
    const source = new BodySource(message, body, links.id, (bytes) => {
      deadline.extend(bytes === size ? ctx.timings.snapshotTimeoutMs : ctx.timings.snapshotStallMs);
      if (bytes - told < SNAPSHOT_PROGRESS_BYTES && bytes !== size) return;
      told = bytes;
      ctx.onSnapshotProgress({ direction: 'sent', peer: links.id, index: indexOf(message), bytes, size });
    });
    try {
      await checkFeatures(ctx, links, url, deadline.signal);
      const answer = await request(ctx, {
        method: 'POST',
        links,
        url,
        path: '/raft/snapshot',
        headers: { 'Content-Type': 'application/octet-stream', Trailer: CHECKSUM_TRAILER },
        body: source.stream,
        onRequest: (opened) => {
          source.request = opened;
        },
        signal: deadline.signal,
      });
      if (answer.statusCode !== 204) throw await failureOf(ctx, links, 'POST', answer);
      answer.resume();
      checkAnswer(ctx, links, answer);
      if (!source.done) {
        answer.destroy();
        throw new Error('the peer answered before it had the whole snapshot');
      }
      return source.envelopeBytes;
    } catch (error) {
      throw source.error ?? (deadline.expired ? new Error('timeout', { cause: error }) : error);
    } finally {
      deadline.end();
      source.close();
    }
  }
}

/** The bytes of a request: the envelope, the body, whose length is checked, and the checksum of both. */
class BodySource {
  readonly stream: Readable;
  /** The request that carries them. */
  request: ClientRequest | undefined;
  readonly envelopeBytes: number;
  /** Has the whole body been handed over? */
  done = false;
  /** Why the body could not be read, if so. */
  error: unknown;
  private readonly body: SnapshotBody;

  constructor(message: Message, body: SnapshotBody, peer: NodeId, onBytes: (bytes: number) => void) {
    this.body = body;
    const envelope = encodeEnvelope(message);
    this.envelopeBytes = envelope.length - 8;
    this.stream = Readable.from(this.read(envelope, peer, onBytes), { objectMode: false });
    // A failing body fails the request, which reports it.
    this.stream.on('error', () => undefined);
  }

  private async *read(envelope: Buffer, peer: NodeId, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    const { size, chunks } = this.body;
    const checksum = new SnapshotChecksum();
    checksum.update(envelope);
    yield envelope;
    let bytes = 0;
    try {
      for await (const chunk of chunks) {
        if (chunk.length === 0) continue;
        bytes += chunk.length;
        if (bytes > size) break;
        checksum.update(chunk);
        yield chunk;
        onBytes(bytes);
      }
      if (bytes !== size) throw new Error(`the body of a snapshot to ${formatId(peer)} is not ${size} bytes long`);
    } catch (error) {
      this.error = error;
      throw error;
    }
    if (size === 0) onBytes(0);
    this.request?.addTrailers({ [CHECKSUM_TRAILER]: checksum.digest() });
    this.done = true;
  }

  /** Releases the body, however far it was read. */
  close(): void {
    this.stream.destroy();
    closeBody(this.body);
  }
}

/** Releases a body, whether it was read or not. Nobody waits for that, because the source may be stuck. */
export function closeBody({ chunks }: SnapshotBody): void {
  // Ending its iteration does not close a stream that nobody has begun to read.
  if ('destroy' in chunks && typeof chunks.destroy === 'function') chunks.destroy();
  chunks[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` */
export function checkBody(body: SnapshotBody): void {
  checkRecord('body', body);
  checkPosition('body.size', body.size);
  const { chunks } = body;
  if (typeof chunks?.[Symbol.asyncIterator] === 'function') return;
  throw badArgument('body', { path: '.chunks', value: chunks, allowed: 'an async iterable of Uint8Arrays' });
}

/** A signal that aborts with another one, or if it is not extended in time. */
class Deadline {
  private readonly controller = new AbortController();
  private readonly stop: AbortSignal;
  private timer: NodeJS.Timeout;
  expired = false;

  constructor(stop: AbortSignal, ms: number) {
    this.stop = stop;
    this.timer = setTimeout(this.expire, ms);
    stop.addEventListener('abort', this.abort);
    if (stop.aborted) this.abort();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  extend(ms: number): void {
    clearTimeout(this.timer);
    if (!this.controller.signal.aborted) this.timer = setTimeout(this.expire, ms);
  }

  end(): void {
    clearTimeout(this.timer);
    this.stop.removeEventListener('abort', this.abort);
  }

  private readonly expire = (): void => {
    this.expired = true;
    this.controller.abort();
  };

  private readonly abort = (): void => this.controller.abort();
}
