import type { Ask } from './attempts.js';
import { StoreError } from './errors.js';
import { exchange } from './exchange.js';
import { wholeOf } from './numbers.js';
import { Scope } from './scope.js';
import type { Snapshot } from './types.js';

/**
 * Sends a request over a connection of its own, for an answer that lasts. The attempt's signal ends it until the answer
 * begins, `whole` as long as it lasts.
 */
export function overOwnConnection(silenceMs: number, whole: AbortSignal): NonNullable<Ask<unknown>['send']> {
  return async (endpoint, sent, signal) => {
    const connection = endpoint.stream(silenceMs);
    const scope = new Scope(undefined, ['aborted', whole], ['aborted', signal]);
    const leave = (): void => {
      scope[Symbol.dispose]();
      void connection.destroy();
    };
    try {
      const answer = await exchange(connection, sent, scope.signal);
      answer.body.once('close', leave);
      return answer;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

export function askSnapshot(silenceMs: number, whole: Scope): Ask<Snapshot> {
  return {
    method: 'GET',
    path: '/snapshot',
    repeatable: true,
    send: overOwnConnection(silenceMs, whole.signal),
    read: async ({ headers, body }) => {
      const number = (name: string): number => wholeOf(Number(headers[name] ?? Number.NaN), name);
      const [index, term] = [number('raft-index'), number('raft-term')];
      // Only now: an answer that is refused is followed by another one, which `whole` must still end.
      body.once('close', () => whole[Symbol.dispose]());
      const close = async (): Promise<void> => {
        body.destroy();
      };
      return {
        index,
        term,
        chunks: piecesOf(body, whole),
        close,
        [Symbol.asyncDispose]: close,
      };
    },
  };
}

async function* piecesOf(body: AsyncIterable<unknown>, whole: Scope): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (whole.ended !== undefined) throw whole.error('none', undefined);
    throw new StoreError('ERR_CLIENT_CONNECTION', `the snapshot broke off: ${(error as Error).message}`, {
      reason: 'snapshot',
      effect: 'none',
      cause: error,
    });
  }
}
