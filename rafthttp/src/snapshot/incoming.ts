import type { IncomingMessage } from 'node:http';
import type { Message, NodeId } from '@raft-ts/proto';
import { describeError, describeErrorInLine } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import {
  MAX_INCOMING_SNAPSHOTS,
  SLOW_SNAPSHOT_RATE,
  SNAPSHOT_DISK_RESERVE,
  SNAPSHOT_PROGRESS_BYTES,
} from '../base/limits.js';
import type { LogFields, TransportLogger } from '../base/logger.js';
import type { Refusal } from '../base/refusals.js';
import { EnvelopeDecoder, envelopeFault, indexOf } from './envelope.js';
import { type BodyName, type BodyPart, bodyIn, partIn } from './part.js';
import { ProgressLog } from './progress-log.js';
import { RequestChunks } from './request-chunks.js';
import type { SnapshotProgress, SnapshotSink, SnapshotStore } from './store.js';

/** What receiving snapshots needs. */
export interface IncomingOptions {
  readonly store: SnapshotStore;
  /** Longest body, in bytes. */
  readonly maxBytes: number;
  /** How long a body may take to bring `BODY_PACE_BYTES`, in milliseconds, not counting the time for storing them. */
  readonly idleMs: number;
  /** How long a body may be slower than `SLOW_SNAPSHOT_RATE` before another may take its place, in milliseconds. */
  readonly slowMs: number;
  readonly logger: TransportLogger;
  readonly onProgress: (progress: SnapshotProgress) => void;
  /** Passes on a body that arrives from its beginning. What that throws refuses it. Default: as it comes. */
  readonly inspect?: (message: Message, chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/** A snapshot whose body is stored. */
export interface ReceivedSnapshot {
  readonly message: Message;
  /** Length of what arrived: the envelope, and the body but for the part that was there. */
  readonly bytes: number;
  /** Deletes the body, because the message was refused. */
  readonly discard: () => Promise<void>;
}

/** The snapshot is refused; `refusal` is the answer to the sender. */
export class RefusedSnapshot extends Error {
  readonly refusal: Refusal;

  constructor(status: number, text: string) {
    super(text);
    this.refusal = { status, text };
  }
}

/** Receives the bodies of streamed snapshots, one per sender and two in total, in constant memory. */
export class IncomingSnapshots {
  private readonly options: IncomingOptions;
  /** By sender. */
  private readonly underWay = new Map<NodeId | undefined, RequestChunks>();
  private cleaned: Promise<void> | undefined;

  constructor(options: IncomingOptions) {
    this.options = options;
  }

  /** Removes early what an earlier process left behind. Never fails: the first snapshot tries again. */
  async prepare(): Promise<void> {
    await this.clean().catch((error: unknown) => {
      this.options.logger.warn('failed to remove the remains of snapshots; the next one tries again', {
        error: describeError(error),
      });
    });
  }

  /** Removes what an earlier process left behind; only the first call does anything. */
  private clean(): Promise<void> {
    this.cleaned ??= this.options.store.removeRemains();
    return this.cleaned;
  }

  /**
   * Reads the body of a request and stores it.
   *
   * @param sender undefined if the request does not name it
   * @param check returns why a message must not be processed
   * @throws RefusedSnapshot if it is refused; nothing of it is left then
   */
  async receive(
    req: IncomingMessage,
    sender: NodeId | undefined,
    check: (message: Message) => string | undefined,
  ): Promise<ReceivedSnapshot> {
    if (!this.makeRoom(sender)) {
      throw new RefusedSnapshot(503, 'too many snapshots at the same time');
    }
    const chunks = new RequestChunks(req, this.options.idleMs);
    this.underWay.set(sender, chunks);
    try {
      return await this.take(chunks, { size: bodyIn(req)?.size, part: partIn(req) }, check);
    } finally {
      this.leave(sender, chunks);
    }
  }

  /**
   * What is here of a body whose transfer broke off.
   *
   * @param onPiece called after each piece of it that was read
   * @throws RefusedSnapshot if one of this sender's is under way: it may still be taken for alive here
   */
  async part(sender: NodeId | undefined, body: BodyName, onPiece: () => void): Promise<BodyPart | undefined> {
    const own = this.underWay.get(sender);
    if (own !== undefined && !this.displace(sender, own))
      throw new RefusedSnapshot(503, 'its last snapshot is under way');
    await this.clean();
    return this.options.store.part?.(body, onPiece);
  }

  /**
   * Is there a place for this sender? A transfer that has been slow for long loses its place, which it could otherwise
   * hold for days. That includes one under the same id, because anybody who reaches the port may have used that id.
   */
  private makeRoom(sender: NodeId | undefined): boolean {
    const own = this.underWay.get(sender);
    if (own !== undefined) return this.displace(sender, own);
    if (this.underWay.size < MAX_INCOMING_SNAPSHOTS) return true;
    for (const [other, chunks] of this.underWay) if (this.displace(other, chunks)) return true;
    return false;
  }

  /** Frees this place if its transfer has been slow for long. */
  private displace(sender: NodeId | undefined, chunks: RequestChunks): boolean {
    const ms = chunks.ageMs;
    if (ms < this.options.slowMs || chunks.taken >= (SLOW_SNAPSHOT_RATE * ms) / 1000) return false;
    chunks.abort(new Error('too slow while another sender waits'));
    this.leave(sender, chunks);
    return true;
  }

  private leave(sender: NodeId | undefined, chunks: RequestChunks): void {
    if (this.underWay.get(sender) === chunks) this.underWay.delete(sender);
  }

  private async take(
    chunks: RequestChunks,
    told: { readonly size: number | undefined; readonly part: BodyPart | undefined },
    check: (message: Message) => string | undefined,
  ): Promise<ReceivedSnapshot> {
    const { message, rest } = await readEnvelope(chunks);
    const fault = envelopeFault(message) ?? check(message);
    if (fault !== undefined) throw new RefusedSnapshot(400, fault);
    const envelopeBytes = chunks.taken - rest.length;
    const announced =
      chunks.announced === undefined ? told.size : chunks.announced - envelopeBytes + (told.part?.bytes ?? 0);
    const limit = await this.limitOf(announced);
    const body = { message, rest, chunks, limit, size: announced, part: told.part };
    try {
      const { bytes, sink } = await this.store(body);
      return { message, bytes: envelopeBytes + bytes, discard: () => this.discard(message, sink) };
    } catch (error) {
      throw error instanceof RefusedSnapshot ? error : saveFailed(error);
    }
  }

  /** Returns how many bytes of body there is room for. Refuses a body that is announced to be longer. */
  private async limitOf(announced: number | undefined): Promise<number> {
    const { store, maxBytes } = this.options;
    if (announced !== undefined && announced > maxBytes) throw tooLarge();
    const free = await this.clean()
      .then(() => store.freeBytes())
      .catch((error: unknown) => {
        // The next snapshot tries again.
        this.cleaned = undefined;
        throw saveFailed(error);
      });
    const room = free === undefined ? maxBytes : free - SNAPSHOT_DISK_RESERVE;
    if (room < (announced ?? 1)) throw noSpace();
    return Math.min(maxBytes, room);
  }

  private async discard(message: Message, sink: SnapshotSink): Promise<void> {
    try {
      await sink.abort();
    } catch (error) {
      const fields = { ...snapshotFields(message), error: describeError(error) };
      this.options.logger.warn('failed to delete the body of a refused snapshot; delete its file by hand', fields);
    }
  }

  private async store(body: Body): Promise<{ bytes: number; sink: SnapshotSink }> {
    const { message, chunks, limit } = body;
    const fields = snapshotFields(message);
    const sink = await this.begin(body, fields);
    try {
      const bytes = await this.copy(
        body,
        sink,
        new ProgressLog(this.options.logger, { direction: 'received', bytes: body.part?.bytes ?? 0 }, fields),
      );
      await sink.commit();
      this.options.logger.info('received and saved database snapshot', { ...fields, 'incoming-snapshot-size': bytes });
      return { bytes: bytes - (body.part?.bytes ?? 0), sink };
    } catch (error) {
      const left = chunks.broken && sink.suspend !== undefined ? sink.suspend() : sink.abort();
      await left.catch(() => undefined);
      const text = `${describeError(error)} after ${chunks.taken} bytes, of at most ${limit}`;
      this.options.logger.warn('failed to save incoming database snapshot', { ...fields, error: text });
      throw error;
    }
  }

  /** Begins to store a body, or goes on with the part of it that is here. */
  private async begin({ message, part }: Body, fields: LogFields): Promise<SnapshotSink> {
    const { store, logger } = this.options;
    if (part === undefined) {
      logger.info('receiving database snapshot', fields);
      return store.create(message);
    }
    const sink = await store.resume?.(message, part);
    if (sink === undefined) throw new RefusedSnapshot(416, 'the part of the snapshot that is to be continued is gone');
    logger.info('receiving the rest of a database snapshot that broke off', { ...fields, 'bytes-before': part.bytes });
    return sink;
  }

  private async copy(
    { message, rest, chunks, limit, size, part }: Body,
    sink: SnapshotSink,
    log: ProgressLog,
  ): Promise<number> {
    let bytes = part?.bytes ?? 0;
    let told = bytes;
    const { inspect } = this.options;
    const arriving = bodyOf(rest, chunks);
    for await (const chunk of part === undefined ? (inspect?.(message, arriving) ?? arriving) : arriving) {
      bytes += chunk.length;
      if (bytes > limit) throw limit < this.options.maxBytes ? noSpace() : tooLarge();
      await sink.write(chunk);
      log.tell(bytes, size);
      if (bytes - told >= SNAPSHOT_PROGRESS_BYTES || bytes === size) {
        told = bytes;
        this.options.onProgress({ direction: 'received', peer: message.from, index: indexOf(message), bytes, size });
      }
    }
    return bytes;
  }
}

interface Body {
  readonly message: Message;
  /** The first bytes of the body. */
  readonly rest: Uint8Array;
  readonly chunks: RequestChunks;
  readonly limit: number;
  readonly size: number | undefined;
  /** What the sender says is here already. */
  readonly part: BodyPart | undefined;
}

async function* bodyOf(rest: Uint8Array, chunks: RequestChunks): AsyncGenerator<Uint8Array, void> {
  for (let chunk: Uint8Array | undefined = rest; chunk !== undefined; chunk = await chunks.next()) {
    if (chunk.length > 0) yield chunk;
  }
}

async function readEnvelope(chunks: RequestChunks): Promise<{ message: Message; rest: Uint8Array }> {
  const decoder = new EnvelopeDecoder();
  try {
    for (;;) {
      const chunk = await chunks.next();
      if (chunk === undefined) return decoder.end();
      const done = decoder.push(chunk);
      if (done !== undefined) return done;
    }
  } catch (error) {
    throw new RefusedSnapshot(400, `failed to decode raft message (${describeErrorInLine(error)})`);
  }
}

function snapshotFields(message: Message): LogFields {
  return {
    'local-member-id': formatId(message.to),
    'remote-snapshot-sender-id': formatId(message.from),
    'incoming-snapshot-index': indexOf(message),
  };
}

function saveFailed(error: unknown): RefusedSnapshot {
  return new RefusedSnapshot(500, `failed to save KV snapshot (${describeErrorInLine(error)})`);
}

function tooLarge(): RefusedSnapshot {
  return new RefusedSnapshot(413, 'snapshot too large');
}

function noSpace(): RefusedSnapshot {
  const reserve = `${SNAPSHOT_DISK_RESERVE / 1_000_000} MB`;
  return new RefusedSnapshot(
    507,
    `no space for the snapshot: free some on the receiver's disk, where ${reserve} must stay`,
  );
}
