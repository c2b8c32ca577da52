import type { Asked } from '../page/server.js';

/** A client waits so long for an answer. */
const CLIENT_MS = 5000;
/** The key that clients of the page write and read. */
const KEY = 'page';

/** What a client was told, for the page. */
interface Answer {
  readonly verdict: 'done' | 'not done' | 'unknown';
  readonly told: string;
}

const READS = {
  read: { consistency: 'linearizable', how: 'A majority confirmed the leader: it is current.' },
  'lease-read': {
    consistency: 'lease',
    how: 'The lease of the leader vouches for it: it is current, if clocks run alike.',
  },
  'stale-read': { consistency: 'stale', how: 'Nobody else was asked: it may be old.' },
} as const;

/** Writes and reads at members of the store, as somebody asks in its page. */
export class PageClient {
  private readonly clientAt: (id: number) => string;

  /** @param clientAt HOST:PORT where a member answers clients */
  constructor(clientAt: (id: number) => string) {
    this.clientAt = clientAt;
  }

  /** @throws Error with a text for people, if it cannot be done */
  act(id: number, { kind, value }: Asked): Promise<Answer> | undefined {
    switch (kind) {
      case 'write':
        if (typeof value !== 'string' || value.length > 20) throw new Error('"value" must be a short text');
        return this.write(id, value);
      case 'read':
      case 'lease-read':
      case 'stale-read':
        return this.read(id, kind);
      default:
        return undefined;
    }
  }

  private async write(id: number, value: string): Promise<Answer> {
    const answer = await this.request(id, '', { method: 'PUT', body: value });
    if (answer.status === 200 || answer.status === 201 || answer.status === 204) {
      return { verdict: 'done', told: `n${id} answered: ${value} is committed.` };
    }
    // What an answer does not say is safe may have been done.
    const isSafe = answer.status !== 0 && /"retry":\s*"safe"/u.test(answer.text);
    if (isSafe || answer.isRefused)
      return { verdict: 'not done', told: `n${id}: ${answer.text}. Trying again is safe.` };
    return { verdict: 'unknown', told: `n${id}: ${answer.text}. The write may have happened, or may yet.` };
  }

  private async read(id: number, kind: keyof typeof READS): Promise<Answer> {
    const { consistency, how } = READS[kind];
    const answer = await this.request(id, `?consistency=${consistency}`, { method: 'GET' });
    if (answer.status === 200) return { verdict: 'done', told: `n${id} answered ${answer.text}. ${how}` };
    if (answer.status === 404) return { verdict: 'done', told: `n${id} answered: nothing is written. ${how}` };
    return { verdict: 'not done', told: `n${id}: ${answer.text}. Asking again is safe.` };
  }

  private async request(
    id: number,
    query: string,
    init: { readonly method: string; readonly body?: string },
  ): Promise<{ readonly status: number; readonly text: string; readonly isRefused: boolean }> {
    try {
      const response = await fetch(`http://${this.clientAt(id)}/kv/${KEY}${query}`, {
        ...init,
        signal: AbortSignal.timeout(CLIENT_MS),
      });
      return { status: response.status, text: (await response.text()).trim(), isRefused: false };
    } catch (error) {
      const { cause, name } = error as Error & { readonly cause?: { readonly code?: unknown } };
      const isRefused = cause?.code === 'ECONNREFUSED';
      const text =
        name === 'TimeoutError'
          ? `no answer in ${CLIENT_MS / 1000} s`
          : isRefused
            ? 'it is down'
            : 'the connection broke';
      return { status: 0, text, isRefused };
    }
  }
}
