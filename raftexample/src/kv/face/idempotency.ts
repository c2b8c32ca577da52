import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Done } from '@raft-ts/replica';
import type { KvOnce, KvResult } from '../machine/kv-machine.js';
import { HttpError, Repeatable } from './answers.js';
import { requireFeatures } from './features.js';
import type { KeysHost } from './keys.js';

/** Characters that a key has at most. */
const LONGEST_KEY = 128;

/**
 * The key of a write that is to be carried out once, however often it is sent: a string as headers write it (RFC 8941),
 * quotes and all. `undefined` if there is none.
 * @throws HttpError 400
 */
export function idempotencyKey(request: IncomingMessage): string | undefined {
  if (request.headers['idempotency-key'] === undefined) return undefined;
  const [value = '', ...more] = request.headersDistinct['idempotency-key'] ?? [];
  const [, quoted] = /^[ \t]*"((?:[ !#-[\]-~]|\\["\\])+)"[ \t]*$/u.exec(value) ?? [];
  const key = quoted?.replaceAll(/\\(.)/gu, '$1');
  if (key !== undefined && key.length <= LONGEST_KEY && more.length === 0) return key;
  throw new HttpError(
    'ERR_KV_REQUEST',
    'idempotency-key',
    `Idempotency-Key must be one "KEY", with its quotes, of 1 to ${LONGEST_KEY} printable ASCII characters`,
  );
}

/**
 * Proposes a write that is carried out once, and resolves with what it came to, now or at an earlier time.
 * @throws HttpError 410, 422, 503; Repeatable
 */
export async function proposeOnce(
  host: Pick<KeysHost, 'replica'>,
  key: string,
  write: KvOnce['write'],
): Promise<Pick<Done<KvResult>, 'index' | 'result'>> {
  requireFeatures(host);
  let done: Done<KvResult>;
  try {
    done = await host.replica.propose({ op: 'once', key, print: printOf(write), write });
  } catch (error) {
    throw new Repeatable(error);
  }
  const { index, result } = done;
  const { earlier } = result;
  switch (earlier?.kind) {
    case undefined:
      return { index, result };
    case 'repeated':
      return { index: earlier.index, result };
    case 'other':
      throw new HttpError(
        'ERR_KV_KEY_REUSED',
        'idempotency-key',
        `this Idempotency-Key belongs to another request, whose entry is ${earlier.index}`,
        { index: earlier.index },
      );
    case 'forgotten':
      throw new HttpError(
        'ERR_KV_ANSWER_GONE',
        'reads',
        `this was carried out by entry ${earlier.index}; what it read then is not kept any more`,
        { index: earlier.index },
      );
  }
}

/** 128 bits, so that nobody finds a second write with the print of a first one by chance. */
function printOf(write: KvOnce['write']): string {
  return createHash('sha256').update(JSON.stringify(write)).digest('base64url').slice(0, 22);
}
