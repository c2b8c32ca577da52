/** What a document shows of a program's output. */
export interface Output {
  /** Its lines; `…` stands for any lines, and within a line for any text. */
  readonly shown: string;
  /**
   * Words after which another number may stand in each run. What is one whole number in the document must be one in the
   * output, and what is two must be two. Numbers with a decimal point are measured, and may be any.
   */
  readonly varying?: readonly string[];
}

/** A number after a word that varies: what is shown, and what was printed. */
interface Pair {
  readonly word: string;
  readonly shown: string;
}

/** Says how what was printed differs from what is shown; undefined if it does not. */
export function faultOf(printed: string, { shown, varying = [] }: Output): string | undefined {
  const pairs: Pair[] = [];
  const lines = shown.trimEnd().split('\n');
  const parts = lines.map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${patternOf(line, varying, pairs)}\\n`));
  const found = new RegExp(`^${parts.join('')}$`).exec(printed);
  if (found === null) return `is not what is printed:\n${shown}`;
  return contradictionIn(pairs, found.slice(1));
}

function patternOf(line: string, varying: readonly string[], pairs: Pair[]): string {
  const words = varying.map(escaped).join('|');
  if (words === '') return escaped(line);
  let pattern = '';
  let end = 0;
  for (const { 0: all, index, groups } of line.matchAll(
    new RegExp(`(?<word>${words})(?::? ?)(?<n>[\\d.]*\\d)`, 'gi'),
  )) {
    const { word = '', n = '' } = groups ?? {};
    const measured = n.includes('.');
    if (!measured) pairs.push({ word: word.toLowerCase(), shown: n });
    pattern += escaped(line.slice(end, index + all.length - n.length)) + (measured ? '[\\d.]+' : '(\\d+)');
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
