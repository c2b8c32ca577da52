import { RaftError } from '@raft-ts/raft';
import { ERR_SNAPSHOT_FORMAT } from '@raft-ts/replica';
import { type Fields, isFields } from './fields.js';

/**
 * Reads one field of a snapshot's object, its section: as a whole, which is then small, or member by member, if it is
 * an object that may be of any size. What does not concern the reader is skipped.
 */
export type SectionReader =
  | { readonly kind: 'whole'; readonly take: (json: string) => void }
  | {
      readonly kind: 'members';
      readonly take: (name: string, value: unknown) => void;
      /** Takes a value, in one piece or several, if it can without having it parsed. */
      readonly takeUnparsed?: (name: string, json: readonly Uint8Array[]) => boolean;
    }
  | { readonly kind: 'skip' };

/** Gives the reader of a section by its name. May throw: such a section has no place in a snapshot. */
export type FindReader = (section: string) => SectionReader;

/** How much may be held, in bytes. */
export interface SectionLimits {
  /** Of a section that is read as a whole. */
  readonly whole: number;
  /** Of a name, or of a member with the texts in it. */
  readonly member: number;
  /** Of a member beside its texts: each of these bytes may take fifty once it is parsed. */
  readonly structure: number;
}

const defaultLimits: SectionLimits = {
  // Some hundred thousand removed members.
  whole: 16 * 2 ** 20,
  // V8 has no longer texts.
  member: 2 ** 29,
  structure: 2 ** 16,
};
const DEEPEST = 16;
/** So many bytes of a text are looked at one by one; only then does a call of `indexOf` pay. */
const NEAR = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What comes next. */
type Expected = 'object' | 'name-or-end' | 'name' | 'colon' | 'value' | 'comma-or-end' | 'nothing';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const nowhere: SectionReader = { kind: 'skip' };

/**
 * Splits a snapshot, a JSON object that comes in chunks of any size, into its sections and their members, and holds no
 * more of it than the one that is incomplete. It finds where texts and brackets end; all that is taken out is then
 * parsed by `JSON.parse`, which knows what is JSON and what is not.
 */
export class SectionSplitter {
  private readonly find: FindReader;
  private readonly limits: SectionLimits;
  private expected: Expected = 'object';
  /** Objects that are open: the snapshot's, and that of a section which is read member by member. */
  private level = 0;
  private readonly names = new Set<string>();
  private name = '';
  private reader: SectionReader = nowhere;

  // The name or value that is being read.
  /** What former chunks held of it. */
  private pieces: Uint8Array[] = [];
  private held = 0;
  /** Is it being read? */
  private within = false;
  private depth = 0;
  private quoted = false;
  /** A chunk has ended with the backslash of an escape. */
  private escaped = false;
  /** Bytes beside its texts. */
  private structure = 0;

  constructor(find: FindReader, limits: Partial<SectionLimits> = {}) {
    this.find = find;
    this.limits = { ...defaultLimits, ...limits };
  }

  /** What is held of a name or value that is incomplete, in bytes. */
  get heldBytes(): number {
    return this.held;
  }

  /** @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT; what the readers throw */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.within) at = this.readOn(chunk, at);
      else at = this.pass(chunk[at] as number) ? at + 1 : this.begin(at);
    }
  }

  /** @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT if the object has not ended */
  end(): void {
    if (this.expected !== 'nothing') throw refuse('it was cut short');
  }

  /** @returns whether this byte is passed over; otherwise a name or a value begins with it */
  private pass(byte: number): boolean {
    if (isSpace(byte)) return true;
    switch (this.expected) {
      case 'object':
        if (byte !== OPEN_BRACE) break;
        this.open();
        return true;
      case 'name-or-end':
        if (byte === CLOSE_BRACE) return this.close();
        if (byte === QUOTE) return false;
        break;
      case 'name':
        if (byte === QUOTE) return false;
        break;
      case 'colon':
        if (byte !== COLON) break;
        this.expected = 'value';
        return true;
      case 'value':
        if (this.level > 1 || this.reader.kind !== 'members') return false;
        if (byte !== OPEN_BRACE) break;
        this.open();
        return true;
      case 'comma-or-end':
        if (byte === CLOSE_BRACE) return this.close();
        if (byte !== COMMA) break;
        this.expected = 'name';
        return true;
      case 'nothing':
        break;
    }
    throw refuse(`a byte 0x${byte.toString(16)} stands where there should be ${this.expected}`);
  }

  private open(): void {
    this.level++;
    this.expected = 'name-or-end';
  }

  private close(): true {
    this.level--;
    this.expected = this.level === 0 ? 'nothing' : 'comma-or-end';
    return true;
  }

  private begin(at: number): number {
    this.within = true;
    this.depth = 0;
    this.structure = 0;
    return at;
  }

  /** @returns where to go on */
  private readOn(chunk: Uint8Array, from: number): number {
    const end = this.endOf(chunk, from);
    if (end === undefined) {
      this.hold(chunk.subarray(from));
      return chunk.length;
    }
    const last = chunk.subarray(from, end);
    this.checkSize(last.length);
    this.within = false;
    this.take(last);
    this.pieces = [];
    this.held = 0;
    return end;
  }

  private hold(piece: Uint8Array): void {
    this.checkSize(piece.length);
    if (this.isSkipped) return;
    this.pieces.push(piece);
    this.held += piece.length;
  }

  private get isSkipped(): boolean {
    return this.expected === 'value' && this.reader.kind === 'skip';
  }

  private checkSize(more: number): void {
    if (this.isSkipped) return;
    const { whole, member, structure } = this.limits;
    const isWhole = this.expected === 'value' && this.reader.kind === 'whole';
    const what = this.expected === 'value' ? `'${this.name.slice(0, 40)}'` : 'a name';
    if (this.held + more > (isWhole ? whole : member)) throw refuse(`${what} takes too many bytes`);
    if (!isWhole && this.structure > structure) throw refuse(`${what} holds too much that is no text`);
  }

  /** The end of what is being read, if it is in this chunk. */
  private endOf(chunk: Uint8Array, from: number): number | undefined {
    let at = from;
    while (at < chunk.length) {
      if (this.quoted) {
        at = this.endOfText(chunk, at);
        if (this.quoted) return undefined;
        if (this.depth === 0) return at;
        continue;
      }
      const byte = chunk[at] as number;
      if (byte === QUOTE) this.quoted = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++this.depth > DEEPEST) throw refuse('it is nested too deeply');
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        // A number or a word ends with what is around it.
        if (this.depth === 0) return at;
        if (--this.depth === 0) return at + 1;
      } else if (this.depth === 0 && (byte === COMMA || isSpace(byte))) return at;
      at++;
      this.structure++;
    }
    return undefined;
  }

  /** The place after the quote that closes a text, or the end of the chunk if `quoted` is still set then. */
  private endOfText(chunk: Uint8Array, from: number): number {
    let at = this.escaped ? from + 1 : from;
    this.escaped = false;
    while (at < chunk.length) {
      for (let near = Math.min(at + NEAR, chunk.length); at < near; at++) {
        const byte = chunk[at];
        if (byte === QUOTE) {
          this.quoted = false;
          return at + 1;
        }
        if (byte !== BACKSLASH) continue;
        if (++at === chunk.length) this.escaped = true;
        // Where there is one escape there are others.
        near = Math.min(at + NEAR, chunk.length);
      }
      if (at < chunk.length) at = passLong(chunk, at);
    }
    return chunk.length;
  }

  private take(last: Uint8Array): void {
    if (this.expected !== 'value') {
      this.takeName(String(parse(this.textTo(last))));
      this.expected = 'colon';
      return;
    }
    this.expected = 'comma-or-end';
    const { reader } = this;
    if (reader.kind === 'whole') reader.take(this.textTo(last));
    else if (reader.kind === 'members' && reader.takeUnparsed?.(this.name, [...this.pieces, last]) !== true) {
      reader.take(this.name, parse(this.textTo(last)));
    }
  }

  /** What is held, and this, as text. */
  private textTo(last: Uint8Array): string {
    return decode(this.pieces.length === 0 ? last : join([...this.pieces, last]));
  }

  private takeName(name: string): void {
    this.name = name;
    if (this.level > 1) return;
    if (this.names.has(name)) throw refuse(`it has '${name}' twice`);
    this.names.add(name);
    this.reader = this.find(name);
  }
}

/** Reads a snapshot to its end. @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT; what the readers throw */
export async function readSections(chunks: AsyncIterable<Uint8Array>, find: FindReader): Promise<void> {
  const splitter = new SectionSplitter(find);
  for await (const chunk of chunks) splitter.push(chunk);
  splitter.end();
}

/**
 * Passes over what is left of a long text, to its next quote or the end of the chunk, or to the backslashes that stand
 * before it. No escape is open at `from`.
 */
function passLong(chunk: Uint8Array, from: number): number {
  const quote = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).indexOf(QUOTE, from);
  const end = quote < 0 ? chunk.length : quote;
  let at = end;
  while (at > from && chunk[at - 1] === BACKSLASH) at--;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** These pieces as one. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw refuse('it is not UTF-8', cause);
  }
}

/** Parses the JSON of a section, or of a part of it. @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT */
export function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw refuse('it is not the JSON that it should be', cause);
  }
}

/** Parses a section that is an object. @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT */
export function objectOf(json: string, section: string): Fields {
  const value = parse(json);
  if (isFields(value)) return value;
  throw refuse(`its '${section}' is no object`);
}

/** Why a snapshot cannot be read. */
export function refuse(why: string, cause?: unknown): RaftError {
  return new RaftError(ERR_SNAPSHOT_FORMAT, `this is not a snapshot of the store: ${why}`, { cause });
}
