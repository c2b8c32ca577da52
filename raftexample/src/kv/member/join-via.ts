import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { describeErrorInLine } from '@raft-ts/rafthttp/internal';
import { ExitCode } from '../../common/exit-codes.js';
import { CommandError, UsageError } from '../../common/usage.js';
import type { KvOptions } from './options.js';

/** More than any answer to this question has, in bytes. */
const LONGEST_ANSWER = 64 * 1024;
const LONGEST_PAUSE_MS = 10_000;

export interface JoinRequest {
  readonly id: bigint;
  /** Where this member listens for the others. */
  readonly url: string;
  /** A member of the cluster, where it answers clients. */
  readonly via: string;
  readonly token: string | undefined;
  /** What it is checked against and shown, if it speaks TLS. */
  readonly tls?: SecureContextOptions | undefined;
  /** How long one attempt may take. */
  readonly timeoutMs: number;
  /** The pause after the first attempt that failed; each further one is twice as long. Default 500. */
  readonly pauseMs?: number;
}

export interface Log {
  info(text: string): unknown;
  warn(text: string): unknown;
}

/** What came of one attempt. */
type Outcome =
  | { readonly kind: 'added' }
  | { readonly kind: 'again'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string; readonly exitCode: number };

/**
 * Asks a member of a running cluster to add this one; again and again while nobody answers, or the cluster cannot do it
 * now: asking twice adds nobody twice. Returns early if `stopping` aborts.
 * @throws CommandError if the cluster refuses it
 */
export async function askToJoin(request: JoinRequest, stopping: AbortSignal, log: Log): Promise<void> {
  const { id, via, pauseMs = 500 } = request;
  for (let pause = pauseMs; !stopping.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const outcome = await ask(request, stopping);
    if (outcome.kind === 'added') {
      log.info(`member ${id} was added to the cluster by ${via}`);
      return;
    }
    if (outcome.kind === 'refused')
      throw new CommandError(`${via} does not add member ${id}: ${outcome.why}`, outcome.exitCode);
    if (stopping.aborted) return;
    log.warn(
      `${via} did not add member ${id} yet: ${outcome.why}. It is asked again in ${pause} ms; if this goes on, see that it runs and that its cluster has a leader`,
    );
    await sleep(pause, undefined, { signal: stopping }).catch(() => {});
  }
}

async function ask(request: JoinRequest, stopping: AbortSignal): Promise<Outcome> {
  const { id, url, via, token, tls, timeoutMs } = request;
  const body = Buffer.from(`{"id":${id},"url":${JSON.stringify(url)},"learner":false}`);
  try {
    const response = await send(new URL('/members', via), body, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      agent: false,
      signal: AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]),
      ...tls,
    });
    const { statusCode: status = 0 } = response;
    const text = await beginningOf(response);
    return status >= 200 && status < 300 ? { kind: 'added' } : meaningOf(status, describe(status, text));
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown };
    return { kind: 'again', why: `no answer (${describeErrorInLine(cause ?? error)})` };
  }
}

/** Not `fetch`, which knows neither CAs nor certificates of its caller. */
async function send(url: URL, body: Buffer, options: RequestOptions): Promise<IncomingMessage> {
  const sent = url.protocol === 'https:' ? secureRequest(url, options) : plainRequest(url, options);
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // What ends it later is told by the response.
  sent.on('error', () => {});
  return response;
}

/** Reads what the member that is asked is checked against. @throws UsageError */
export async function joinTls({ joinCaFile, clientTls }: KvOptions): Promise<SecureContextOptions | undefined> {
  if (joinCaFile === undefined) return undefined;
  try {
    const ca = await readFile(joinCaFile);
    if (clientTls === undefined) return checked({ ca });
    const { certFile, keyFile } = clientTls;
    return checked({ ca, cert: await readFile(certFile), key: await readFile(keyFile) });
  } catch (error) {
    throw new UsageError(`cannot use the certificates for --join-via: ${describeErrorInLine(error)}`);
  }
}

function checked(options: SecureContextOptions): SecureContextOptions {
  createSecureContext(options);
  return options;
}

function meaningOf(status: number, why: string): Outcome {
  if (status >= 500 || status === 408 || status === 429) return { kind: 'again', why };
  if (status === 401) {
    return { kind: 'refused', why: `${why}. Pass the clients' token with --token-file`, exitCode: ExitCode.Usage };
  }
  return { kind: 'refused', why, exitCode: status === 409 ? ExitCode.Refused : ExitCode.Usage };
}

/** `503 (ERR_RAFT_DROPPED, no-leader): text`, as far as the answer tells; a Go member tells the text alone. */
function describe(status: number, text: string): string {
  try {
    const { code, reason, error } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const coded = typeof code === 'string' ? ` (${code}, ${String(reason)})` : '';
    if (typeof error === 'string') return `${status}${coded}: ${error}`;
  } catch {
    // It is not a member of the store that answers there.
  }
  return String(status);
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).toString();
}
