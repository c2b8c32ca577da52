import { transform } from 'esbuild';
import type { Hunk, Mutant } from './mutant.js';

/** A regular expression for this text in which any white space stands for any other: sources are laid out by a tool. */
function pattern(text: string): RegExp {
  const words = text.trim().split(/\s+/);
  return new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('\\s+'), 'g');
}

function applyHunk(source: string, { find, replace }: Hunk, where: string): string {
  const places = [...source.matchAll(pattern(find))];
  const [place] = places;
  if (place === undefined || places.length !== 1) {
    const mend = 'adapt the lines of the patch to the source';
    throw new Error(`${where}: the text to change stands ${places.length} times (${mend}): ${find.trim()}`);
  }
  return source.slice(0, place.index) + replace + source.slice(place.index + place[0].length);
}

/** @throws Error if the patch no longer fits the source */
export function applyMutant(source: string, { hunks, where }: Pick<Mutant, 'hunks' | 'where'>): string {
  return hunks.reduce((text, hunk) => applyHunk(text, hunk, where), source);
}

/** The JavaScript of one TypeScript source; types are stripped, not checked. */
export async function compileSource(source: string): Promise<string> {
  const { code } = await transform(source, {
    loader: 'ts',
    format: 'esm',
    target: 'es2023',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return code;
}

/** The compiled source with this rule broken. @throws Error if the patch does not fit, or changes nothing */
export async function compileMutant(source: string, mutant: Pick<Mutant, 'hunks' | 'where'>): Promise<string> {
  const [whole, broken] = await Promise.all([compileSource(source), compileSource(applyMutant(source, mutant))]);
  if (whole === broken) throw new Error(`${mutant.where}: the compiled output is the same as before`);
  return broken;
}
