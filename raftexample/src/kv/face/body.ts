import type { IncomingMessage } from 'node:http';
import { type Fields, isFields } from '../machine/fields.js';
import { HttpError } from './answers.js';
import { FREE_BYTES, roomsOf } from './room.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The body as text.
 * @throws HttpError 413 for one that is too long, before it is read if its length is declared; 400 for one that is no
 * UTF-8
 */
export function readText(request: IncomingMessage, limit: number, what: string): Promise<string> {
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (announced > 0 && announced <= Math.min(limit, FREE_BYTES)) return readSmall(request, announced, what);
  return readBounded(request, limit, what);
}

/**
 * Reads a body of so many bytes, for which no room need be asked. The last byte ends it. Most come in one piece: what
 * only others need is neither made nor listened to, because this is done for each write.
 */
function readSmall(request: IncomingMessage, announced: number, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let before: Buffer[] | undefined;
    let missing = announced;
    request.on('data', (chunk: Buffer) => {
      missing -= chunk.length;
      if (missing > 0) {
        before ??= [];
        before.push(chunk);
        return;
      }
      const text = textOf(before === undefined ? chunk : Buffer.concat([...before, chunk]));
      if (text === undefined) reject(notUtf8(what));
      else resolve(text);
    });
    request.on('close', () => {
      if (missing > 0) reject(cutOff(what));
    });
  });
}

function notUtf8(what: string): HttpError {
  return new HttpError('ERR_KV_REQUEST', 'not-utf-8', `${what} must be UTF-8`);
}

function cutOff(what: string): HttpError {
  return new HttpError('ERR_KV_REQUEST', 'cut-off', `${what} was cut off`);
}

function readBounded(request: IncomingMessage, limit: number, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let complete = false;
    let length = Number(request.headers['content-length'] ?? 0);
    const tooLong = (): void => {
      // What still comes is thrown away as it comes: a client that has not finished sending would not see an answer
      // on a connection that is closed under it.
      request.removeAllListeners('data');
      request.resume();
      reject(new HttpError('ERR_KV_TOO_LARGE', 'body', `${what} is longer than ${limit} bytes`));
    };
    if (length > limit) {
      tooLong();
      return;
    }
    length = 0;
    const announced = Number(request.headers['content-length'] ?? limit);
    const rooms = roomsOf(request.socket);
    let release = (): void => {};
    request.on('data', (chunk: Buffer) => {
      const before = length;
      length += chunk.length;
      if (length > limit) tooLong();
      else chunks.push(chunk);
      if (length <= FREE_BYTES || before > FREE_BYTES || length > limit || rooms === undefined) return;
      // All of a large body has room before the rest of it is taken from the connection.
      request.pause();
      void (async () => {
        release = await rooms.bodies.take(request, announced);
        request.resume();
      })();
    });
    // Each comes once at most, and `once` costs more than what is done here.
    request.on('end', () => {
      complete = true;
      release();
      const text = textOf(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      if (text === undefined) reject(notUtf8(what));
      else resolve(text);
    });
    // Every request is closed in the end, and an error is dear: it records where it was made.
    request.on('close', () => {
      release();
      if (!complete) reject(cutOff(what));
    });
  });
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Longest body of most requests that is no value. */
const SMALL_BODY = 4096;

/** The body as a JSON object. @throws HttpError 400 with this text */
export async function readObject(request: IncomingMessage, shape: string, limit: number = SMALL_BODY): Promise<Fields> {
  const text = await readText(request, limit, 'the body');
  try {
    const value: unknown = JSON.parse(text);
    if (isFields(value)) return value;
  } catch {
    // Said below.
  }
  throw new HttpError('ERR_KV_REQUEST', 'body', `the body must be ${shape}`);
}

/** What is misspelt must not be passed over. @throws HttpError 400 */
export function onlyFields(place: string, one: object, allowed: readonly string[]): void {
  if (Object.keys(one).every((name) => allowed.includes(name))) return;
  throw new HttpError('ERR_KV_REQUEST', 'fields', `${place} may have the fields ${allowed.join(', ')}`);
}
