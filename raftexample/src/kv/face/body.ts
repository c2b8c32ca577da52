import type { IncomingMessage } from 'node:http';
import { HttpError } from './answers.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The body as text. @throws HttpError 413 for one that is too long or cut off, 400 for one that is no UTF-8 */
export async function readText(request: IncomingMessage, limit: number, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch {
    length = limit + 1;
  }
  if (length > limit) throw new HttpError(413, `${what} is longer than ${limit} bytes or was cut off`);
  try {
    return decoder.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  } catch {
    throw new HttpError(400, `${what} must be UTF-8`);
  }
}

/** Longest body of a request that is no value. */
const SMALL_BODY = 4096;

/** The body as a JSON object. @throws HttpError 400 with this text */
export async function readObject(request: IncomingMessage, shape: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request, SMALL_BODY, 'the body');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new HttpError(400, `the body must be ${shape}`);
}
