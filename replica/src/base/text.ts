/** Returns a count with its noun, as "1 entry" or "2 entries". */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
