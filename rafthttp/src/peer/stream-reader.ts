import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, messageSize, type NodeId } from '@raft-ts/proto';
import { withDeadline } from '../base/deadline.js';
import { featuresIn, formatId, Header, headerOf, incarnationIn } from '../base/headers.js';
import { supportsStreams } from '../base/version.js';
import { isLinkHeartbeat } from '../codec/stream-codec.js';
import type { TransportContext } from '../member/context.js';
import { type ClientContext, checkAnswer, failureOf, request } from './client.js';
import type { Inbox } from './inbox.js';
import type { PeerLinks } from './links.js';
import type { PeerStatus } from './status.js';
import type { StreamRow } from './stream-kind.js';
import type { UrlPicker } from './url-picker.js';

/** What the reader needs of what the transport's parts share. */
export type ReaderContext = ClientContext &
  Pick<TransportContext, 'id' | 'busyPoll' | 'gateway' | 'logger' | 'metrics' | 'timings' | 'warnings'>;

/** What the reader needs of the peer that it belongs to. */
export interface ReaderOwner {
  readonly id: NodeId;
  readonly links: PeerLinks;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly inbox: Inbox;
  /** If set, messages are dropped. */
  readonly paused: boolean;
}

/** The peer is too old to have this stream, which does not make it inactive. */
class UnsupportedStream extends Error {}

/**
 * Holds one stream open at a peer and reads it: dials, reads until the stream ends, and dials again, until it is
 * stopped. The first dial after a break is made at once; further ones are spaced out.
 */
export class StreamReader {
  private readonly ctx: ReaderContext;
  private readonly owner: ReaderOwner;
  private readonly row: StreamRow;
  private readonly stopping = new AbortController();
  private readonly ended: Promise<void>;
  /** When the next dial may be made, by `performance.now`. */
  private nextDialMs = 0;
  /** The stream that is read now, and the features that its sender showed. */
  private current: { readonly stream: IncomingMessage; readonly features: number } | undefined;

  constructor(ctx: ReaderContext, owner: ReaderOwner, row: StreamRow) {
    this.ctx = ctx;
    this.owner = owner;
    this.row = row;
    this.ended = this.run();
  }

  /** Closes the stream and stops dialling; resolves when both are done. */
  stop(): Promise<void> {
    this.stopping.abort();
    return this.ended;
  }

  /** The features that the peer showed when it opened this stream; undefined if none is open. */
  get features(): number | undefined {
    return this.current?.features;
  }

  /** Ends a stream whose sender showed less than is asked of it now. */
  recheck(): void {
    const { current } = this;
    if (current === undefined || current.features >= this.ctx.features.required) return;
    current.stream.destroy(new Error('the peer does not show the features that this cluster uses now'));
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const stream = await this.dial();
      if (stream !== undefined) await this.read(stream);
      await this.waitForNextDial();
    }
  }

  /** Opens the stream; resolves with undefined if that failed, after reporting it. */
  private async dial(): Promise<IncomingMessage | undefined> {
    const { status, picker } = this.owner;
    const url = picker.pick();
    let answered = false;
    try {
      const stream = await this.open(url);
      answered = true;
      status.activate();
      this.ctx.logger.info('established TCP streaming connection with remote peer', this.fields());
      return stream;
    } catch (error) {
      if (this.stopping.signal.aborted) return undefined;
      picker.unreachable(url);
      if (error instanceof UnsupportedStream) this.ctx.logger.debug(error.message, this.fields());
      else status.deactivate({ action: 'dial', source: this.row.source, error });
      return undefined;
    } finally {
      picker.release(url, answered);
    }
  }

  private open(url: string): Promise<IncomingMessage> {
    const { ctx, row } = this;
    const { id, links } = this.owner;
    return withDeadline(this.stopping.signal, ctx.timings.dialTimeoutMs, async (signal) => {
      const answer = await request(ctx, {
        method: 'GET',
        links,
        url,
        path: `/raft/stream/${row.kind}/${formatId(ctx.id)}`,
        headers: { [Header.to]: formatId(id) },
        signal,
      });
      if (!supportsStreams(headerOf(answer, Header.version))) {
        answer.destroy();
        throw new UnsupportedStream('the peer does not support this stream type');
      }
      if (answer.statusCode !== 200) throw await failureOf(ctx, links, 'GET', answer);
      checkAnswer(ctx, links, answer);
      return answer;
    });
  }

  /** Delivers what the stream brings until it ends or breaks. */
  private async read(stream: IncomingMessage): Promise<void> {
    this.current = { stream, features: featuresIn(stream) };
    // More may be asked for since the answer was looked at.
    this.recheck();
    const error = await this.drain(stream);
    this.current = undefined;
    if (this.stopping.signal.aborted) return;
    if (error !== undefined) {
      this.owner.status.deactivate({ action: 'read', source: this.row.source, error });
    }
    this.owner.status.lost('lost TCP streaming connection with remote peer', this.fields());
  }

  /** Resolves when the stream is over: with undefined if it ended properly, else with the error. */
  private drain(stream: IncomingMessage): Promise<unknown> {
    const { gateway } = this.ctx;
    const decoder = this.row.decoder(this.owner.id, this.ctx.id, (head) => gateway.headRefusal(head, this.owner.id));
    const { readTimeoutMs } = this.ctx.timings;
    const { signal } = this.stopping;
    const { links } = this.owner;
    const run = incarnationIn(stream, Header.run);
    return new Promise((resolve) => {
      const over = (error?: unknown): void => {
        clearTimeout(silence);
        signal.removeEventListener('abort', stop);
        stream.destroy();
        resolve(error);
      };
      const stop = (): void => over();
      const silence = setTimeout(() => over(new Error('read timeout')), readTimeoutMs);
      const guarded = (action: () => void): void => {
        try {
          action();
        } catch (error) {
          over(error);
        }
      };
      signal.addEventListener('abort', stop);
      if (signal.aborted) return stop();
      stream.on('data', (chunk: Buffer) => {
        if (stream.destroyed) return;
        // Another process has been found at the address since, so this one no longer speaks for the member.
        if (links.run !== run) return over(new Error("another process is at the peer's address now"));
        silence.refresh();
        this.ctx.busyPoll.touch();
        guarded(() => {
          for (const message of decoder.push(chunk)) this.take(message);
        });
      });
      stream.on('end', () =>
        guarded(() => {
          decoder.end();
          over();
        }),
      );
      stream.on('error', over);
      stream.on('close', () => over(new Error('the connection was closed')));
    });
  }

  private take(message: Message): void {
    this.ctx.metrics?.receivedBytes(formatId(message.from), messageSize(message));
    if (this.owner.paused || isLinkHeartbeat(message)) return;
    const refusal = this.ctx.gateway.refusal(message, this.owner.id);
    if (refusal === undefined) this.owner.inbox.deliver(message);
    else this.ctx.warnings.warn('dropped a message that must not be processed', { ...this.fields(), error: refusal });
  }

  private async waitForNextDial(): Promise<void> {
    const now = performance.now();
    const delay = Math.max(0, this.nextDialMs - now);
    this.nextDialMs = now + delay + this.ctx.timings.dialRetryMs;
    const { signal } = this.stopping;
    if (delay > 0) await sleep(delay, undefined, { signal }).catch(() => undefined);
    await this.owner.links.backoff.pause(signal);
  }

  private fields(): Record<string, string> {
    return {
      'stream-reader-type': this.row.source,
      'local-member-id': formatId(this.ctx.id),
      'remote-peer-id': formatId(this.owner.id),
    };
  }
}
