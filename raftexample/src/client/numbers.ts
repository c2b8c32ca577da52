/** Numbers of more digits than a `number` certainly holds; strings are matched first, so that theirs are left alone. */
const token = /"(?:[^"\\]|\\[^])*(?:"|\\?$)|\d{16,}/gu;

/** Parses JSON in which ids, which have 64 bits, are numbers: those that are too long for a number become strings. */
export function parseIds(text: string): unknown {
  return JSON.parse(text.replace(token, (found) => (found.startsWith('"') ? found : `"${found}"`)));
}

/** An id out of `parseIds`. @throws TypeError */
export function idOf(value: unknown): bigint {
  if (typeof value === 'string' && /^\d{1,20}$/u.test(value)) return BigInt(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new TypeError('an id is missing');
}

/** @throws TypeError */
export function idsOf(value: unknown): readonly bigint[] {
  if (!Array.isArray(value)) throw new TypeError('a list of ids is missing');
  return value.map(idOf);
}

/** An index, a term or a count. @throws TypeError */
export function wholeOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`${name} is missing`);
}

/** @throws TypeError */
export function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`${name} is missing`);
}

/** URLs by id. @throws TypeError */
export function urlsOf(value: unknown): ReadonlyMap<bigint, string> {
  if (typeof value !== 'object' || value === null) throw new TypeError('the members are missing');
  return new Map(Object.entries(value).map(([id, url]) => [idOf(id), textOf(url, 'a url')]));
}
