/** Room for the length of an HTTP chunk: at most eight hexadecimal digits, and the end of the line. */
const HEADROOM = 10;

/** Room for the end of a chunk. */
const TAILROOM = 2;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

const SMALLEST = 4096;

/** Memory that a large write has grown beyond this is not reused. */
const LARGEST_KEPT = 512 * 1024;

/**
 * Bytes on their way to a socket. Encoders write into its memory one after the other, and add long byte strings as they
 * are, so that nothing is copied twice.
 */
export class WriteBuffer {
  /** Total length of all pieces. */
  length = 0;
  private memory: Buffer;
  /** The last piece is at [begin, end) of `memory`. */
  private begin = HEADROOM;
  private end = HEADROOM;
  private readonly closed: Uint8Array[] = [];
  /** The memory of the first piece, once it is closed. */
  private first: Buffer | undefined = undefined;

  /** @param memory that of a former one, whose bytes nobody needs any more */
  constructor(memory: Buffer = Buffer.allocUnsafeSlow(SMALLEST)) {
    this.memory = memory;
  }

  /** Position of the next byte in the memory that `room` returns. */
  get at(): number {
    return this.end;
  }

  /** Returns memory with room for this many bytes. What is written counts once `advanceTo` says so. */
  room(count: number): Uint8Array {
    if (this.end + count + TAILROOM > this.memory.length) this.grow(count);
    return this.memory;
  }

  /** Notes that the bytes before this position of the memory have been written. */
  advanceTo(position: number): void {
    this.length += position - this.end;
    this.end = position;
  }

  /** Adds bytes without copying them; they must not change any more. */
  add(bytes: Uint8Array): void {
    this.first ??= this.memory;
    this.closed.push(this.memory.subarray(this.begin, this.end), bytes);
    this.begin = this.end;
    this.length += bytes.length;
  }

  /** The bytes, in order. */
  pieces(): Uint8Array[] {
    return [...this.closed, this.memory.subarray(this.begin, this.end)];
  }

  /** The bytes as a chunk of an HTTP/1.1 answer (RFC 9112, section 7.1). Nothing may be added afterwards. */
  chunk(): Uint8Array[] {
    const { memory, closed, end } = this;
    const head = `${this.length.toString(16)}\r\n`;
    const first = this.first ?? memory;
    for (let i = 0; i < head.length; i++) first[HEADROOM - head.length + i] = head.charCodeAt(i);
    memory[end] = CARRIAGE_RETURN;
    memory[end + 1] = LINE_FEED;
    const start = HEADROOM - head.length;
    if (closed.length === 0) return [memory.subarray(start, end + TAILROOM)];
    const opening = first.subarray(start, HEADROOM + (closed[0] as Uint8Array).length);
    return [opening, ...closed.slice(1), memory.subarray(this.begin, end + TAILROOM)];
  }

  /** Memory for the next write buffer, once nobody needs these bytes any more. */
  get reusable(): Buffer | undefined {
    return this.memory.length <= LARGEST_KEPT ? this.memory : undefined;
  }

  private grow(count: number): void {
    const open = this.end - this.begin;
    const needed = HEADROOM + open + count + TAILROOM;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.memory.length));
    grown.set(this.memory.subarray(this.begin, this.end), HEADROOM);
    this.memory = grown;
    this.begin = HEADROOM;
    this.end = HEADROOM + open;
  }
}
