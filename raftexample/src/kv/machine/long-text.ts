/**
 * Values of entries of so many bytes or more stay where they are, as bytes. V8 copies a text of up to 128 KiB twice
 * before it leaves it in its place, and a member that caught up by log in values of 64 KiB collected its young
 * generation six times as often for them. A state that is restored has texts: as bytes it took no less.
 */
export const LONG_ENTRY = 8192;

/** A text of many ASCII characters in which JSON escapes nothing, in memory outside of V8's heap. */
export class LongText {
  /** Never changed. They may be those of the entry, which the log holds too. */
  private readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @param bytes plain ones, as `isPlain` has it, that will not change; copied if they hold others in memory */
  static of(bytes: Uint8Array): LongText {
    const { buffer, byteOffset, length } = bytes;
    if (buffer.byteLength <= 2 * length) return new LongText(Buffer.from(buffer, byteOffset, length));
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(bytes);
    return new LongText(copy);
  }

  get length(): number {
    return this.bytes.length;
  }

  toString(): string {
    return this.bytes.toString('latin1');
  }
}

/** A value, and the index of the entry that wrote it. */
export interface Item {
  readonly value: string;
  readonly index: number;
}

/** An item with a long value: the text is made each time that it is read. */
export class LongItem implements Item {
  readonly text: LongText;
  readonly index: number;

  constructor(text: LongText, index: number) {
    this.text = text;
    this.index = index;
  }

  get value(): string {
    return this.text.toString();
  }
}

/** A write of a long value: the text is made each time that it is read. */
export class LongPut {
  readonly op = 'put';
  readonly key: string;
  readonly ifIndex: number | undefined;
  readonly text: LongText;

  constructor(key: string, text: LongText, ifIndex: number | undefined) {
    this.key = key;
    this.text = text;
    this.ifIndex = ifIndex;
  }

  get value(): string {
    return this.text.toString();
  }

  /** As JSON has a write of a short one. */
  toJSON(): object {
    const { op, key, value, ifIndex } = this;
    return { op, key, value, ifIndex };
  }
}

/** How many characters key and value have together, without making the value. */
export function sizeOfWrite(write: { readonly key: string; readonly value: string }): number {
  return write.key.length + (write instanceof LongPut ? write.text : write.value).length;
}
