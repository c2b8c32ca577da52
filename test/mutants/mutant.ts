import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One place of a patch: what stands there, and what is put in its place. */
export interface Hunk {
  readonly find: string;
  readonly replace: string;
}

/** One rule, broken in one place. */
export interface Mutant {
  readonly name: string;
  readonly area: string;
  /** Is it one of the 158 broken rules that were listed for any implementation, or one of our own? */
  readonly origin: 'listed' | 'own';
  /** What a user would see go wrong. */
  readonly seen: string;
  /** The source that is changed, from the repository's root. Absent if this implementation has no such rule. */
  readonly file: string | undefined;
  readonly hunks: readonly Hunk[];
  /** Beginnings of the test files that could notice, most likely first. Absent: all of the package's. */
  readonly tests: readonly string[] | undefined;
  /** Why no behaviour differs. */
  readonly equivalent: string | undefined;
  /** Why there is nothing here to break. */
  readonly noCounterpart: string | undefined;
  /** In the catalogue: the name of the ordinary patch that this one is. */
  readonly as: string | undefined;
  /** In the catalogue: how rare the order of events is that shows it. */
  readonly rarity: string | undefined;
  /** Where the patch stands, as file:line. */
  readonly where: string;
}

type Line = { readonly kind: ' ' | '-' | '+'; readonly text: string };

/**
 * Reads a file of patches. It begins with `area:`, `origin:` and, if not every test of the package could notice,
 * `tests:` (beginnings of test files below `test/`, most likely first); each patch begins with `== name`, goes on with
 * `file:`, `seen:` and, if they apply, its own `tests:`, `equivalent:` or `no counterpart:` (in the catalogue also
 * `class:`, and `as:` in the place of all others), and ends with the change: lines that go begin with `-`, lines that
 * come with `+`, lines that stay with a blank. A change may have several places.
 *
 * @throws Error naming file and line
 */
export function parseMutants(text: string, file: string): Mutant[] {
  const [head = '', ...sections] = text.split(/^== /m);
  const { fields } = readSection(head.split('\n'), { where: `${file}:1`, allowed: ['area', 'origin', 'tests'] });
  const { area, origin, tests } = fields;
  if (area === undefined) throw new Error(`${file}:1: no area`);
  if (origin !== 'listed' && origin !== 'own') throw new Error(`${file}:1: origin is listed or own`);
  let line = head.split('\n').length;
  return sections.map((section) => {
    const where = `${file}:${line}`;
    line += section.split('\n').length - 1;
    const [name = '', ...body] = section.split('\n');
    return { name: name.trim(), area, origin, where, ...readMutant(body, { where, tests }) };
  });
}

function readMutant(
  body: readonly string[],
  { where, tests: ofFile }: { where: string; tests: string | undefined },
): Omit<Mutant, 'name' | 'area' | 'origin' | 'where'> {
  const allowed = ['file', 'seen', 'tests', 'equivalent', 'no counterpart', 'as', 'class'];
  const { fields, lines } = readSection(body, { where, allowed });
  const {
    file,
    seen = fields['as'] ?? fields['no counterpart'],
    tests: own,
    equivalent,
    'no counterpart': noCounterpart,
    as,
    class: rarity,
  } = fields;
  if (seen === undefined) throw new Error(`${where}: no seen`);
  const hunks = splitHunks(lines);
  if (noCounterpart === undefined && as === undefined && (file === undefined || hunks.length === 0)) {
    throw new Error(`${where}: neither a change of a file nor a reason why there is none`);
  }
  const tests = (own ?? ofFile)?.trim().split(/\s+/);
  return { seen, file, hunks, tests, equivalent, noCounterpart, as, rarity };
}

function readSection(
  section: readonly string[],
  { where, allowed }: { where: string; allowed: readonly string[] },
): { fields: Partial<Record<string, string>>; lines: Line[] } {
  const fields: Partial<Record<string, string>> = {};
  const lines: Line[] = [];
  for (const text of section) {
    const kind = text.charAt(0);
    if (text.trim() === '') continue;
    if (kind === ' ' || kind === '-' || kind === '+') {
      lines.push({ kind, text: text.slice(1) });
      continue;
    }
    const [key = '', value] = text.split(/:\s*(.*)/s);
    if (value === undefined || !allowed.includes(key) || fields[key] !== undefined) {
      throw new Error(`${where}: not understood: ${text}`);
    }
    fields[key] = value;
  }
  return { fields, lines };
}

/** A place ends where lines go again after others have come. */
function splitHunks(lines: readonly Line[]): Hunk[] {
  const places: Line[][] = [];
  for (const [i, line] of lines.entries()) {
    const before = lines[i - 1]?.kind;
    const goesOn = before === '-' || before === ' ' || (before === '+' && line.kind !== '-');
    if (goesOn) places.at(-1)?.push(line);
    else places.push([line]);
  }
  const side = (place: readonly Line[], leftOut: '-' | '+'): string =>
    place
      .filter(({ kind }) => kind !== leftOut)
      .map(({ text }) => text)
      .join('\n');
  return places.map((place) => ({ find: side(place, '+'), replace: side(place, '-') }));
}

/** All patches of this folder, in the order of the files' names. */
export function readMutants(folder: string): Mutant[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
  return files.sort().flatMap((file) => parseMutants(readFileSync(join(folder, file), 'utf8'), file));
}
