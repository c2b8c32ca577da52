import { once } from 'node:events';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig } from 'axios';
import {
  announcementIn,
  featuresIn,
  formatId,
  Header,
  hasOtherFounders,
  headerOf,
  incarnationIn,
  parseFounders,
} from '../base/headers.js';
import { MAX_ANSWER_BYTES, MAX_INTERIM_ANSWERS } from '../base/limits.js';
import { OTHER_FOUNDERS, OTHER_INCARNATION, OTHER_PROCESS } from '../base/refusals.js';
import type { TransportContext } from '../member/context.js';
import type { Removal } from '../member/standing.js';
import { Reached } from './backoff.js';
import type { LinkAgents, PeerLinks } from './links.js';
import { dialTarget } from './url-picker.js';

/** What the paths of streams begin with. */
export const STREAM_PATH = '/raft/stream/';

/** The path at which a member says who it is, and what its clock says. */
export const PROBING_PATH = '/raft/probing';

/** The headers that axios or node would choose otherwise. */
const plainHeaders = { 'Accept-Encoding': 'identity', 'User-Agent': 'raft-ts', Accept: '*/*' };

/** Makes axios only open requests: no redirects, proxies, decoding or limits of its own. */
const plain: AxiosRequestConfig = {
  adapter: 'http',
  responseType: 'stream',
  maxRedirects: 0,
  proxy: false,
  decompress: false,
  // With any limit, even Infinity, axios would wrap the answer in a stream of its own.
  maxBodyLength: -1,
  maxContentLength: -1,
  validateStatus: null,
};

interface PlainRequest {
  readonly method: 'GET' | 'POST';
  /** One of the peer's URLs, and the path of the request. */
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly agents: LinkAgents;
  readonly signal: AbortSignal;
  /** Gets the request before its body is sent: for trailers, which axios does not support. */
  readonly onRequest?: (request: ClientRequest) => void;
}

/** Sends a request as it is; resolves with the head of the answer, whose body the caller must read or destroy. */
export async function open(options: PlainRequest): Promise<IncomingMessage> {
  const { method, url, path, headers, body, agents, signal, onRequest } = options;
  const response = await axios.request<IncomingMessage>({
    ...plain,
    method,
    ...dialTarget(url, path),
    headers: { ...headers, ...plainHeaders },
    ...(body === undefined ? {} : { data: body }),
    httpAgent: agents.http,
    ...(agents.https === undefined ? {} : { httpsAgent: agents.https }),
    transport: { request: watched(onRequest) },
    signal,
  });
  // A connection that breaks after the head must not cause an unhandled error event.
  response.data.on('error', () => undefined);
  return response.data;
}

/**
 * Asks the process at this URL who it is and what its clock says, as `open` would. Without axios: every peer is asked
 * twice every few seconds, for as long as the process lives, and axios takes longer than the rest of the request.
 */
export async function askProbe(
  options: Pick<PlainRequest, 'url' | 'agents' | 'signal'> & { readonly headers?: PlainRequest['headers'] },
): Promise<IncomingMessage> {
  const { agents, signal, headers } = options;
  const { url, socketPath } = dialTarget(options.url, PROBING_PATH);
  const [client, agent] = url.startsWith('https:') ? [https, agents.https] : [http, agents.http];
  const opened = client.request(url, { agent, socketPath, signal, headers: { ...headers, ...plainHeaders } });
  limitInterim(opened);
  // As above: the connection may break after the head.
  opened.on('error', () => undefined);
  opened.end();
  // The signal, because an answer that changes the protocol leads to no event of the request's but its end.
  const [answer] = (await once(opened, 'response', { signal })) as [IncomingMessage];
  answer.on('error', () => undefined);
  return answer;
}

/** Returns the function by which axios opens requests, extended to limit interim answers, and to call `onRequest`. */
function watched(onRequest: PlainRequest['onRequest']) {
  return (options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest => {
    const opened = (options.protocol === 'https:' ? https : http).request(options, onAnswer);
    limitInterim(opened);
    onRequest?.(opened);
    return opened;
  };
}

/** Cuts a request whose server sends answers of status 1xx without end: they cost time, and no deadline ends them. */
function limitInterim(opened: ClientRequest): void {
  let began = 0;
  let count = 0;
  opened.on('information', () => {
    const now = performance.now();
    if (now - began > 1000) {
      began = now;
      count = 0;
    }
    if (++count > MAX_INTERIM_ANSWERS) opened.destroy(new Error('too many answers of status 1xx'));
  });
}

/** What requests to a peer, and checking the answers, need of what the transport's parts share. */
export type ClientContext = Pick<
  TransportContext,
  'clusterId' | 'features' | 'headers' | 'ownHeaders' | 'incarnations' | 'standing'
>;

interface RequestToPeer extends Omit<PlainRequest, 'agents'> {
  readonly links: PeerLinks;
}

/** Sends a request to a member; resolves with the head of the answer, whose body the caller must read or destroy. */
export async function request(
  ctx: Pick<ClientContext, 'headers' | 'incarnations'>,
  { links, headers, ...rest }: RequestToPeer,
): Promise<IncomingMessage> {
  const known = ctx.incarnations.of(links.id);
  const reached = new Reached();
  let answer: IncomingMessage;
  try {
    answer = await open({
      ...rest,
      headers: {
        ...ctx.headers,
        ...headers,
        ...(known === undefined ? {} : { [Header.incarnationTo]: known }),
      },
      agents: rest.path.startsWith(STREAM_PATH) ? links.stream : links.pipeline,
      onRequest: (opened) => {
        opened.once('socket', (socket) => reached.take(socket));
        rest.onRequest?.(opened);
      },
    });
  } catch (error) {
    if (reached.tls && !rest.signal.aborted) links.backoff.note(error);
    throw error;
  }
  links.keepsParts = headerOf(answer, Header.snapshotParts) !== undefined;
  return answer;
}

/**
 * Reads the beginning of an answer's body as text, without the line end, and discards the rest. The request's signal
 * ends it.
 */
export async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) break;
    }
  } catch {
    // What arrived before the connection broke has to do.
  } finally {
    if (!answer.complete) answer.destroy();
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER_BYTES).trimEnd();
}

/**
 * Checks the answer of a peer that accepted a request; its identity is noted.
 * @throws Error if a different log or cluster answers, or a member without the features that the cluster uses: the
 * answer is destroyed then
 */
export function checkAnswer(ctx: Omit<ClientContext, 'headers'>, links: PeerLinks, answer: IncomingMessage): void {
  try {
    checkIdentity(ctx, links, answer);
  } catch (error) {
    answer.destroy();
    links.backoff.note(error);
    throw error;
  }
  links.backoff.forget();
}

function checkIdentity(ctx: Omit<ClientContext, 'headers'>, links: PeerLinks, answer: IncomingMessage): void {
  const incarnation = incarnationIn(answer, Header.incarnation);
  if (ctx.incarnations.isOther(links.id, incarnation)) throw new Error('another incarnation of the peer answered');
  const proven = isProven(ctx, links, answer);
  if (hasOtherFounders(ctx.ownHeaders, answer)) {
    if (proven) ctx.standing.refused(links.id, 'founders', parseFounders(headerOf(answer, Header.founders)));
    throw new Error('a member of a cluster with other founders answered');
  }
  links.features = featuresIn(answer);
  if (ctx.features.lacks(answer)) throw lacksFeatures(ctx, links);
  if (!proven) return;
  ctx.incarnations.remember(links.id, incarnation);
  links.run = incarnationIn(answer, Header.run);
  links.announcement = announcementIn(answer);
  ctx.standing.accepted(links.id);
}

function lacksFeatures({ features }: Pick<ClientContext, 'features'>, { id }: PeerLinks): Error {
  features.tell(id);
  return new Error('the peer does not show the features that this cluster uses');
}

/**
 * Makes sure, before a message is posted, that the process at this URL shows the features that the cluster uses: the
 * answer would tell too late. After a failure another process may be there.
 * @throws Error if it shows too few; what the dial throws
 */
export async function checkFeatures(
  ctx: Pick<ClientContext, 'features'>,
  links: PeerLinks,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const { required } = ctx.features;
  if (required === 0) return;
  if (links.features === undefined) {
    const answer = await askProbe({ url, agents: links.pipeline, signal });
    links.features = featuresIn(answer);
    await readText(answer);
  }
  if (links.features < required) throw lacksFeatures(ctx, links);
}

/**
 * Does this answer come from a member of our cluster? Only if the application itself configured the address, because
 * anybody may have named a learned one, and if the answer names the cluster: any server may have taken a dead member's
 * port.
 */
function isProven(ctx: Pick<ClientContext, 'clusterId'>, { configured }: PeerLinks, answer: IncomingMessage): boolean {
  return configured && headerOf(answer, Header.clusterId) === formatId(ctx.clusterId);
}

/** The status with which a Go member says that this member was removed, for each method. */
const removedStatus = { GET: 410, POST: 403 } as const;

/**
 * Returns the error that a failed answer stands for, and notes it if it says that this member is out for good. Nothing
 * was opened, so that the next attempt may be made as soon as after any other failure.
 */
export async function failureOf(
  ctx: Pick<ClientContext, 'clusterId' | 'standing'>,
  links: PeerLinks,
  method: 'GET' | 'POST',
  answer: IncomingMessage,
): Promise<Error> {
  links.backoff.forget();
  const proven = isProven(ctx, links, answer);
  const { message, removal } = judgeAnswer(method, answer.statusCode ?? 0, await readText(answer), proven);
  if (removal !== undefined) {
    const founders = removal === 'founders' ? parseFounders(headerOf(answer, Header.founders)) : undefined;
    ctx.standing.refused(links.id, removal, founders);
  }
  return new Error(message);
}

/** What a failed answer means: an error, and perhaps that this member is out for good. */
export interface Verdict {
  readonly message: string;
  readonly removal: Removal['reason'] | undefined;
}

/**
 * @param text the beginning of the answer's body
 * @param proven did a member of this cluster answer?
 */
export function judgeAnswer(method: 'GET' | 'POST', status: number, text: string, proven: boolean): Verdict {
  if (proven && status === 410 && text === OTHER_INCARNATION) {
    return { message: "the peer has seen a different log under this member's id", removal: 'incarnation' };
  }
  if (proven && status === 409 && text === OTHER_PROCESS) {
    return { message: "the peer finds another process at this member's address", removal: 'twin' };
  }
  if (proven && status === 412 && text === OTHER_FOUNDERS) {
    return { message: 'the peer belongs to a cluster with other founders', removal: 'founders' };
  }
  if (proven && status === removedStatus[method]) {
    return { message: 'the member has been permanently removed from the cluster', removal: 'removed' };
  }
  const message = text === '' ? `unexpected http status ${status}` : `${text} (http status ${status})`;
  return { message, removal: undefined };
}
