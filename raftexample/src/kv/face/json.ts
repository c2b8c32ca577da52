/** JSON in which ids, which have 64 bits, are numbers. */
export function toJson(value: unknown): string {
  // Keys and values are UTF-8, so none holds half of a surrogate pair, and nothing else is taken for a number.
  const marked = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `\ud800${one}` : one));
  return marked.replace(/"\\ud800(\d+)"/gu, '$1');
}
