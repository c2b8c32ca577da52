import type { ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import { type Message, MessageType, RaftError } from '@raft-ts/proto';
import { badArgument, checkPosition, checkRecord, messageFault, refuseFault } from '@raft-ts/proto/internal';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import { describeError, ERR_SNAPSHOT_BODY } from '../base/errors.js';
import { formatId, Header } from '../base/headers.js';
import { MIN_PART_BYTES, SNAPSHOT_PROGRESS_BYTES } from '../base/limits.js';
import type { LogFields } from '../base/logger.js';
import type { PacePlace } from '../base/pace.js';
import type { TransportContext } from '../member/context.js';
import { CHECKSUM_TRAILER, SnapshotChecksum } from '../snapshot/checksum.js';
import { encodeEnvelope, indexOf } from '../snapshot/envelope.js';
import { type BodyName, type BodyPart, formatBody, formatPart, partIn } from '../snapshot/part.js';
import { ProgressLog } from '../snapshot/progress-log.js';
import type { SnapshotBody } from '../snapshot/store.js';
import { type ClientContext, checkAnswer, checkFeatures, failureOf, request } from './client.js';
import type { PeerLinks } from './links.js';
import { OutgoingBody } from './outgoing-body.js';
import type { PeerStatus } from './status.js';
import type { UrlPicker } from './url-picker.js';

/** What the sender of snapshots needs of what the transport's parts share. */
export type SnapshotSenderContext = ClientContext &
  Pick<TransportContext, 'gateway' | 'logger' | 'metrics' | 'onSnapshotProgress' | 'pace' | 'timings'>;

/** Sends snapshots with a separate body to one member, each in a POST of its own. */
export class SnapshotSender {
  private readonly ctx: SnapshotSenderContext;
  private readonly links: PeerLinks;
  private readonly picker: UrlPicker;
  private readonly status: PeerStatus;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<unknown>>();
  /** The index of a snapshot of which the peer has a different beginning: it is sent whole. */
  private differing: number | undefined;

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
    // No deadline runs until it is this one's turn.
    const place = await this.ctx.pace.enter(this.stopping.signal);
    const url = this.picker.pick();
    const fields: LogFields = { 'remote-peer-id': formatId(id), 'snapshot-index': indexOf(message), bytes: body.size };
    const began = performance.now();
    let answered = false;
    metrics?.snapshotSendBegan(formatId(id));
    logger.info('sending database snapshot', fields);
    try {
      const bytes = await this.post(url, message, { body, place }, fields);
      answered = true;
      metrics?.snapshotSent(formatId(id), (performance.now() - began) / 1000, bytes);
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
      place.leave();
      this.picker.release(url, answered);
    }
    logger.info('sent database snapshot', fields);
    this.status.activate();
    gateway.reportSnapshot(id, 'finish');
    return 'finish';
  }

  /** Resolves with how many bytes were sent, once the peer has accepted everything. */
  private async post(
    url: string,
    message: Message,
    { body, place }: { readonly body: SnapshotBody; readonly place: PacePlace },
    fields: LogFields,
  ): Promise<number> {
    const { ctx, links } = this;
    const { snapshotStallMs, snapshotTimeoutMs } = ctx.timings;
    const deadline = new Deadline(this.stopping.signal, snapshotStallMs);
    const { signal } = deadline;
    const outgoing = new OutgoingBody(body, links.id);
    let source: BodySource | undefined;
    try {
      await checkFeatures(ctx, links, url, signal);
      const part = await this.passOver(url, message, outgoing, deadline, fields);
      const before = part?.bytes ?? 0;
      const tell = this.teller(message, outgoing, fields);
      source = new BodySource({
        message,
        body: outgoing,
        place,
        pieceBytes: ctx.pace.pieceBytes,
        signal,
        onBytes: (bytes) => {
          deadline.extend(bytes === body.size ? snapshotTimeoutMs : snapshotStallMs);
          tell(bytes);
        },
      });
      await this.request(url, message, source, { size: body.size, part }, signal);
      return source.envelopeBytes + body.size - before;
    } catch (error) {
      throw outgoing.error ?? (deadline.expired ? new Error('timeout', { cause: error }) : error);
    } finally {
      deadline.end();
      source?.stream.destroy();
      outgoing.close();
    }
  }

  /**
   * Asks the peer what it has of this body, and passes over that; undefined if it is nothing.
   *
   * @throws Error if it has something else
   */
  private async passOver(
    url: string,
    message: Message,
    body: OutgoingBody,
    deadline: Deadline,
    fields: LogFields,
  ): Promise<BodyPart | undefined> {
    const { ctx, links } = this;
    const { snapshotStallMs } = ctx.timings;
    const index = indexOf(message);
    const { differing } = this;
    this.differing = undefined;
    if (!links.keepsParts || body.size < MIN_PART_BYTES || differing === index) return undefined;
    const answer = await request(ctx, {
      method: 'GET',
      links,
      url,
      path: '/raft/snapshot',
      headers: { [Header.snapshotBody]: formatBody(nameOf(message), body.size) },
      // It says from time to time that it is still reading what it has.
      onRequest: (opened) => opened.on('information', () => deadline.extend(snapshotStallMs)),
      signal: deadline.signal,
    });
    if (answer.statusCode !== 204) throw await failureOf(ctx, links, 'POST', answer);
    answer.resume();
    checkAnswer(ctx, links, answer);
    const part = partIn(answer);
    if (part === undefined || part.bytes > body.size) return undefined;
    if (!(await body.passOver(part, deadline.signal, () => deadline.extend(snapshotStallMs)))) {
      this.differing = index;
      throw new Error('the peer has the beginning of a different body: the next attempt sends all of it');
    }
    ctx.logger.info('going on with a database snapshot that broke off', { ...fields, 'bytes-before': part.bytes });
    return part;
  }

  /** Returns what tells how far the body is. */
  private teller(message: Message, { bytes: before, size }: OutgoingBody, fields: LogFields): (bytes: number) => void {
    const { ctx, links } = this;
    const log = new ProgressLog(ctx.logger, { direction: 'sent', bytes: before }, fields);
    let told = before;
    return (bytes) => {
      log.tell(bytes, size);
      if (bytes - told < SNAPSHOT_PROGRESS_BYTES && bytes !== size) return;
      told = bytes;
      ctx.onSnapshotProgress({ direction: 'sent', peer: links.id, index: indexOf(message), bytes, size });
    };
  }

  private async request(
    url: string,
    message: Message,
    source: BodySource,
    { size, part }: { readonly size: number; readonly part: BodyPart | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { ctx, links } = this;
    const answer = await request(ctx, {
      method: 'POST',
      links,
      url,
      path: '/raft/snapshot',
      headers: {
        'Content-Type': 'application/octet-stream',
        Trailer: CHECKSUM_TRAILER,
        ...(links.keepsParts ? { [Header.snapshotBody]: formatBody(nameOf(message), size) } : {}),
        ...(part === undefined ? {} : { [Header.snapshotPart]: formatPart(part) }),
      },
      body: source.stream,
      onRequest: (opened) => {
        source.request = opened;
      },
      signal,
    });
    if (answer.statusCode !== 204) throw await failureOf(ctx, links, 'POST', answer);
    answer.resume();
    checkAnswer(ctx, links, answer);
    if (source.done) return;
    answer.destroy();
    throw new Error('the peer answered before it had the whole snapshot');
  }
}

/** Which body belongs to this message. */
function nameOf({ snapshot }: Message): BodyName {
  const { index = 0, term = 0 } = snapshot?.metadata ?? {};
  return { index, term };
}

/** What the body of a request is made of. */
interface SourceOptions {
  readonly message: Message;
  readonly body: OutgoingBody;
  readonly place: PacePlace;
  /** Longest piece. */
  readonly pieceBytes: number;
  readonly signal: AbortSignal;
  /** Called after each piece with how much of the body was handed over. */
  readonly onBytes: (bytes: number) => void;
}

/** The bytes of a request: the envelope, what is left of the body, and the checksum of both. */
class BodySource {
  readonly stream: Readable;
  /** The request that carries them. */
  request: ClientRequest | undefined;
  readonly envelopeBytes: number;
  /** Has the whole body been handed over? */
  done = false;

  constructor(options: SourceOptions) {
    const envelope = encodeEnvelope(options.message);
    this.envelopeBytes = envelope.length - 8;
    this.stream = Readable.from(this.read(envelope, options), { objectMode: false });
    // A failing body fails the request, which reports it.
    this.stream.on('error', () => undefined);
  }

  private async *read(envelope: Buffer, options: SourceOptions): AsyncGenerator<Uint8Array> {
    const { body, place, pieceBytes, signal, onBytes } = options;
    const checksum = new SnapshotChecksum();
    checksum.update(envelope);
    const before = body.bytes;
    yield envelope;
    for (;;) {
      const piece = await body.next(pieceBytes);
      if (piece === undefined) break;
      await place.take(piece.length, signal);
      checksum.update(piece);
      yield piece;
      onBytes(body.bytes);
    }
    // Who waits for the answer hears that all of it is handed over, even if no piece was.
    if (body.bytes === before) onBytes(before);
    this.request?.addTrailers({ [CHECKSUM_TRAILER]: checksum.digest() });
    this.done = true;
  }
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` */
export function checkBody(body: SnapshotBody): void {
  checkRecord('body', body);
  checkPosition('body.size', body.size);
  const { chunks } = body;
  if (typeof chunks?.[Symbol.asyncIterator] === 'function') return;
  throw badArgument('body', { path: '.chunks', value: chunks, allowed: 'an async iterable of Uint8Arrays' });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT`, or `ERR_RAFT_SNAPSHOT_BODY` for a message that takes no body */
export function checkSnapshotMessage(message: Message): void {
  refuseFault('message', messageFault(message));
  if (message.type === MessageType.MsgSnap && message.snapshot !== undefined) return;
  throw new RaftError(ERR_SNAPSHOT_BODY, 'only a MsgSnap can be sent with a body', { reason: 'message' });
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
