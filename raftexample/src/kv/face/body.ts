import type { IncomingMessage } from 'node:http';
import { limitPieces, ReceivedBytes } from '@raft-ts/rafthttp/internal';
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
 * Bodies whose pieces may have to wait must not come in many short ones: each piece is an object of some 400 bytes,
 * however short it is. Clients may send shorter ones than members do, such as a line in each.
 */
const MIN_PIECE = 16;

/** Cuts the connection of a client whose body comes in pieces that cost far more than what they hold. */
export function limitBody(request: IncomingMessage, isQueued: boolean): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  // What is small and read at once is copied as it comes. That is most bodies, and they need no counting.
  const isCopied = coding === undefined && (length === undefined || (!isQueued && Number(length) <= FREE_BYTES));
  if (!isCopied) limitPieces(request, MIN_PIECE);
}

/**
 * Reads a body of so many bytes, for which no room need be asked. The last byte ends it. Most come in one piece: what
 * only others need is neither made nor listened to, because this is done for each write.
 */
function readSmall(request: IncomingMessage, announced: number, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let whole: Buffer | undefined;
    let missing = announced;
    request.on('data', (chunk: Buffer) => {
      if (whole !== undefined || chunk.length < missing) {
        // Copied, since a piece takes hundreds of bytes for as long as it is kept, even if it holds one.
        whole ??= Buffer.allocUnsafeSlow(announced);
        chunk.copy(whole, announced - missing);
      }
      missing -= chunk.length;
      if (missing > 0) return;
      const text = textOf(whole ?? chunk);
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
    const header = request.headers['content-length'];
    const announced = header === undefined ? undefined : Number(header);
    const bytes = new ReceivedBytes(announced);
    let complete = false;
    const tooLong = (): void => {
      // What still comes is thrown away as it comes: a client that has not finished sending would not see an answer
      // on a connection that is closed under it.
      request.removeAllListeners('data');
      request.resume();
      reject(new HttpError('ERR_KV_TOO_LARGE', 'body', `${what} is longer than ${limit} bytes`));
    };
    if (announced !== undefined && announced > limit) {
      tooLong();
      return;
    }
    const rooms = roomsOf(request.socket);
    let release = (): void => {};
    request.on('data', (chunk: Buffer) => {
      const before = bytes.length;
      const length = before + chunk.length;
      if (length > limit) tooLong();
      else bytes.add(chunk);
      if (length <= FREE_BYTES || before > FREE_BYTES || length > limit || rooms === undefined) return;
      // All of a large body has room before the rest of it is taken from the connection.
      request.pause();
      void (async () => {
        release = await rooms.bodies.take(request, announced ?? limit);
        request.resume();
      })();
    });
    // Each comes once at most, and `once` costs more than what is done here.
    request.on('end', () => {
      complete = true;
      release();
      const text = textOf(joined(bytes));
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

/** All at once: a value is far shorter than the messages whose bytes are joined in turns. */
function joined(bytes: ReceivedBytes): Uint8Array {
  const work = bytes.join();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

function textOf(bytes: Uint8Array): string | undefined {
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
