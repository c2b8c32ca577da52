import type { Readable } from 'node:stream';

/**
 * The lines of a stream of text, without their ends. Of a longer line only the first `limit` characters are kept, and
 * the number of the others is added: whoever writes a line without an end costs no memory.
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
