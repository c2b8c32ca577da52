/** JSON in which ids, which have 64 bits, are numbers. */
export function toJson(value: unknown): string {
  // No text of ours holds a NUL, so nothing else is taken for a number.
  const marked = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `\u0000${one}` : one));
  return marked.replace(/"\\u0000(\d+)"/gu, '$1');
}
