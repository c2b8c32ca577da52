/** A page has so many bytes, unless it holds one text that is longer. */
const PAGE = 64 * 1024;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What is known of a text without reading it. */
export interface Label {
  readonly index: number;
  readonly size: number;
}

interface Page {
  readonly bytes: Buffer;
  /** The place of its first text. */
  first: number;
  /** Where each of its texts ends. */
  readonly ends: number[];
  readonly labels: { readonly indexes: number[]; readonly sizes: number[] };
}

/**
 * A queue of texts in a few large pieces of memory, which are used again. Thousands of objects that live for seconds
 * are what makes collecting garbage dear: they are copied to where it is seldom looked for, and die there. Each text
 * has a place; places are numbered from that of the first one on.
 */
export class PackedTexts {
  private readonly pages: Page[] = [];
  private spare: Buffer | undefined = undefined;
  private first = 0;
  private next = 0;

  /** The place of the oldest text. */
  get begin(): number {
    return this.first;
  }

  /** The place after the newest text. */
  get end(): number {
    return this.next;
  }

  /** Adds a text. It must be well-formed. */
  push(text: string, { index, size }: Label): void {
    const page = this.pageWith(text);
    page.labels.indexes.push(index);
    page.labels.sizes.push(size);
    this.next++;
  }

  textAt(place: number): string {
    const { bytes, first, ends } = this.pageOf(place);
    return decoder.decode(bytes.subarray(ends[place - first - 1] ?? 0, ends[place - first]));
  }

  indexAt(place: number): number {
    const { first, labels } = this.pageOf(place);
    return labels.indexes[place - first] as number;
  }

  /** Drops the oldest text. @returns what is known of it */
  dropFirst(): Label {
    const { bytes, first, labels } = this.pages[0] as Page;
    const at = this.first - first;
    this.first++;
    if (at + 1 === labels.indexes.length) {
      this.pages.shift();
      if (bytes.length === PAGE) this.spare = bytes;
    }
    return { index: labels.indexes[at] as number, size: labels.sizes[at] as number };
  }

  /** Drops all of them. The next one has this place. */
  restart(place: number): void {
    this.pages.length = 0;
    this.first = place;
    this.next = place;
  }

  /** The last page, at whose end the text stands now. */
  private pageWith(text: string): Page {
    const last = this.pages.at(-1);
    if (last !== undefined && written(last, text)) return last;
    // In UTF-8 a text has three times as many bytes as it has characters, at most.
    const isLong = text.length * 3 > PAGE;
    const bytes = isLong ? Buffer.from(text) : (this.spare ?? Buffer.alloc(PAGE));
    if (!isLong) this.spare = undefined;
    const page: Page = { bytes, first: this.next, ends: [], labels: { indexes: [], sizes: [] } };
    this.pages.push(page);
    if (isLong) page.ends.push(bytes.length);
    else written(page, text);
    return page;
  }

  private pageOf(place: number): Page {
    let [low, high] = [0, this.pages.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.pages[middle] as Page).first <= place) low = middle;
      else high = middle - 1;
    }
    return this.pages[low] as Page;
  }
}

/** Writes the text to the end of a page, if there is room for it. */
function written({ bytes, ends }: Page, text: string): boolean {
  const from = ends.at(-1) ?? 0;
  const room = bytes.length - from;
  if (room < text.length * 3 && room < Buffer.byteLength(text)) return false;
  ends.push(from + bytes.write(text, from));
  return true;
}
