import { expect } from 'chai';

/** A block of code in a document. */
export interface Fence {
  /** What follows the opening backticks. */
  readonly info: string;
  /** Where its first line of code stands in the document, counted from 1. */
  readonly line: number;
  readonly code: string;
}

export function fencesOf(document: string, text: string): readonly Fence[] {
  const fences: Fence[] = [];
  let open: { info: string; line: number; code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^ {0,3}```(.*)$/.exec(line);
    if (fence === null) {
      open?.code.push(line);
    } else if (open === undefined) {
      open = { info: (fence[1] ?? '').trim(), line: index + 2, code: [] };
    } else {
      fences.push({ info: open.info, line: open.line, code: open.code.join('\n') });
      open = undefined;
    }
  }
  expect(open, `${document}: a code block is not closed`).to.equal(undefined);
  return fences;
}
