import type { Readable } from 'node:stream';

/** One event of a stream, as server-sent events name their parts. */
export interface ServerEvent {
  /** `message` if it has no name; `undefined` if there was an id and nothing else. */
  readonly event: string | undefined;
  readonly data: string;
  /** The id that stood on it. */
  readonly id: string | undefined;
}

/**
 * Reads server-sent events from pieces of text, however they are cut. Own code: `eventsource-parser` does not tell of
 * an id that stands alone, by which a member says how far a watch is.
 */
export class EventReader {
  private readonly limit: number;
  /** The line that has no end yet, in pieces: joined each time, a long one would be copied for every piece of it. */
  private pieces: string[] = [];
  private length = 0;
  private event: string | undefined;
  private data: string[] = [];
  private id: string | undefined;
  private size = 0;

  /** @param limit characters of one event at most */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Yields what is complete. @throws RangeError for an event that is too long */
  *push(piece: string): Generator<ServerEvent, void, undefined> {
    let at = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', at)) {
      const line = [...this.pieces, piece.slice(at, end)].join('');
      this.pieces = [];
      this.length = 0;
      at = end + 1;
      const complete = this.take(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (complete !== undefined) yield complete;
    }
    this.pieces.push(piece.slice(at));
    this.length += piece.length - at;
    this.check(this.length);
  }

  private check(more: number): void {
    if (this.size + more > this.limit) throw new RangeError(`an event is longer than ${this.limit} characters`);
  }

  private take(line: string): ServerEvent | undefined {
    if (line === '') return this.end();
    this.check(line.length);
    this.size += line.length;
    const colon = line.indexOf(':');
    // A comment.
    if (colon === 0) return undefined;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id') this.id = value;
    return undefined;
  }

  private end(): ServerEvent | undefined {
    const { event, data, id } = this;
    this.event = undefined;
    this.data = [];
    this.id = undefined;
    this.size = 0;
    if (data.length > 0) return { event: event ?? 'message', data: data.join('\n'), id };
    return id === undefined ? undefined : { event: undefined, data: '', id };
  }
}

/** Events out of the bytes of an answer. */
export class EventStream {
  private readonly body: Readable;
  private readonly pieces: AsyncIterator<Uint8Array>;
  private readonly reader: EventReader;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private ready: Iterator<ServerEvent, void, undefined> | undefined;

  /** @param limit characters of one event at most */
  constructor(body: Readable, limit: number) {
    this.body = body;
    this.pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.reader = new EventReader(limit);
  }

  /** Resolves with the next event; `undefined` once the answer is over, whatever ended it. */
  async next(): Promise<ServerEvent | undefined> {
    try {
      for (;;) {
        const found = this.ready?.next();
        if (found?.done === false) return found.value;
        const piece = await this.pieces.next();
        if (piece.done === true) return undefined;
        this.ready = this.reader.push(this.decoder.decode(piece.value, { stream: true }));
      }
    } catch {
      // It broke, or makes no sense any more: either way the rest is to be had from another member.
      this.close();
      return undefined;
    }
  }

  close(): void {
    this.body.destroy();
  }
}
