import type { Readable } from 'node:stream';

/**
 * Yields the lines of a text stream, without line ends. Only the first `limit` characters of a line are kept, followed
 * by the number of the others, so that a line that never ends takes no memory.
 */
export async function* linesOf(stream: Readable, limit: number): AsyncGenerator<string, void, undefined> {
  let line = '';
  let length = 0;
  const take = (piece: string): void => {
    length += piece.length;
    line += piece.slice(0, Math.max(0, limit - line.length));
  };
  const end = (): string => {
    const cut = length - line.length;
    const text = line.endsWith('\r') && cut === 0 ? line.slice(0, -1) : line;
    [line, length] = ['', 0];
    return cut === 0 ? text : `${text}… and ${cut.toLocaleString('en-US')} more characters`;
  };
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    let at = 0;
    for (let next = chunk.indexOf('\n'); next >= 0; next = chunk.indexOf('\n', at)) {
      take(chunk.slice(at, next));
      yield end();
      at = next + 1;
    }
    take(chunk.slice(at));
  }
  if (length > 0) yield end();
}
