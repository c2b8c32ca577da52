import { readFile } from 'node:fs/promises';
import { createContext, runInContext } from 'node:vm';

/**
 * Runs a bundle of memory-cluster.ts, whose global is `cluster`, among what surrounds a module in Node and in browsers
 * alike. Returns what each member applied.
 */
export async function commitInPage(bundle: string): Promise<unknown> {
  const page = createContext({
    AbortController,
    AbortSignal,
    clearInterval,
    crypto: globalThis.crypto,
    DOMException,
    MessageChannel,
    queueMicrotask,
    setInterval,
    TextDecoder,
    TextEncoder,
  });
  runInContext(await readFile(bundle, 'utf8'), page, { filename: bundle });
  const applied: unknown = await runInContext('cluster.commitHello()', page);
  return JSON.parse(JSON.stringify(applied));
}
