/** What a document shows of a program's output. */
export interface Output {
  /** Its lines; `…` stands for any lines, and within a line for any text. */
  readonly shown: string;
  /** Words before a number that names something: one name of the document is one of the output, and two are two. */
  readonly ids?: readonly string[];
  /** Words before a number that may be any. */
  readonly varying?: readonly string[];
}

/** A name in the document, in the order of what the expression captures. */
interface Pair {
  readonly word: string;
  readonly shown: string;
}

/** Says how what was printed differs from what is shown; undefined if it does not. */
export function faultOf(printed: string, { shown, ids = [], varying = [] }: Output): string | undefined {
  const pairs: Pair[] = [];
  const lines = shown.trimEnd().split('\n');
  const parts = lines.map((line) =>
    line.trim() === '…' ? '(?:.*\\n)*?' : `${patternOf(line, { ids, varying }, pairs)}\\n`,
  );
  const found = new RegExp(`^${parts.join('')}$`).exec(printed);
  if (found === null) return `is not what is printed:\n${shown}`;
  return contradictionIn(pairs, found.slice(1));
}

function patternOf(line: string, { ids, varying }: Required<Omit<Output, 'shown'>>, pairs: Pair[]): string {
  if (ids.length + varying.length === 0) return escaped(line);
  const words = new RegExp(`(?<word>${[...ids, ...varying].map(escaped).join('|')})(?::? ?)(?<n>[\\d.]*\\d)`, 'gi');
  let pattern = '';
  let end = 0;
  for (const { 0: all, index, groups } of line.matchAll(words)) {
    const { word = '', n = '' } = groups ?? {};
    const named = ids.includes(word.toLowerCase());
    if (named) pairs.push({ word: word.toLowerCase(), shown: n });
    pattern += escaped(line.slice(end, index + all.length - n.length)) + (named ? '(\\d+)' : '[\\d.]*\\d');
    end = index + all.length;
  }
  return pattern + escaped(line.slice(end));
}

/** What is shown as one number must be one in the output, and what is shown as two must be two. */
function contradictionIn(pairs: readonly Pair[], printed: readonly string[]): string | undefined {
  const known = new Map<string, string>();
  for (const [i, { word, shown }] of pairs.entries()) {
    for (const [one, other] of [
      [`${word} ${shown} of the document`, printed[i] as string],
      [`${word} ${printed[i]} of the output`, shown],
    ] as const) {
      const before = known.get(one) ?? other;
      if (before !== other) return `${one} is ${before} at first, and then ${other}`;
      known.set(one, other);
    }
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&').replaceAll('…', '.*?');
}
