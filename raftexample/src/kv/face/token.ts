import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './answers.js';

/** Lets in who shows this token, or everybody if there is none. How long it takes tells nothing about the token. */
export class TokenGuard {
  private readonly expected: Buffer | undefined;

  constructor(token: string | undefined) {
    this.expected = token === undefined ? undefined : digest(token);
  }

  /** @throws HttpError 401 */
  check(request: IncomingMessage, response: ServerResponse): void {
    if (this.expected === undefined) return;
    const [, shown] = /^Bearer ([\x21-\x7e]+)$/iu.exec(request.headers.authorization ?? '') ?? [];
    // Both have the length of a hash, whatever a client sends.
    if (shown !== undefined && timingSafeEqual(digest(shown), this.expected)) return;
    response.setHeader('WWW-Authenticate', 'Bearer');
    throw new HttpError(
      'ERR_KV_TOKEN',
      'token',
      'the header must be Authorization: Bearer TOKEN, with the right token',
    );
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
