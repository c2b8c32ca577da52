import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { answer, answerError, HttpError } from './answers.js';
import { readObject } from './body.js';
import { answerKey, KEY_PATH, type KeysHost } from './keys.js';
import { answerList } from './list.js';
import { answerDigest, answerStatus, type StatusHost } from './status.js';

/** What changes who is in the cluster, and who leads it. */
export interface AdminHost {
  /** Resolves with the index of the change once it is applied here. @throws HttpError 409 for an id that was removed */
  addMember(id: bigint, url: string, learner: boolean): Promise<number>;
  /** @throws HttpError 404 for an id that is no member's */
  removeMember(id: bigint): Promise<number>;
  /** Resolves with the leader once it is this one. */
  transfer(id: bigint): Promise<void>;
}

export interface FaceHost extends KeysHost, StatusHost {
  readonly admin: AdminHost;
  /** For what the store itself got wrong. */
  readonly tell: (text: string) => void;
}

/**
 * The store's HTTP face. Keys are answered without express, whose URL parser would change them, and which costs more
 * than the rest of a request; everything else is routed by it.
 */
export function createFace(host: FaceHost): Server {
  const router = createRouter(host);
  const server = createServer((request, response) => {
    // A client that has gone is nobody to answer.
    response.on('error', () => {});
    if (request.url?.startsWith(KEY_PATH) === true)
      void serve(host, response, () => answerKey(host, request, response));
    else router(request, response);
  });
  server.headersTimeout = 10_000;
  return server;
}

async function serve({ tell }: FaceHost, response: ServerResponse, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    answerError(response, error, tell);
  }
}

function createRouter(host: FaceHost): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  const route =
    (work: (request: Request, response: Response) => Promise<void> | void) =>
    (request: Request, response: Response): void => {
      void serve(host, response, async () => work(request, response));
    };
  const only =
    (...methods: string[]) =>
    (_request: Request, response: Response): void => {
      response.setHeader('Allow', methods.join(', '));
      answer(response, 405, { error: `only ${methods.join(' and ')} here` });
    };
  app
    .route('/kv')
    .get(route((request, response) => answerList(host, queryOf(request), response)))
    .all(only('GET'));
  app
    .route('/status')
    .get(route((_, response) => answerStatus(host, response)))
    .all(only('GET'));
  app
    .route('/digest')
    .get(route((_, response) => answerDigest(host, response)))
    .all(only('GET'));
  app
    .route('/leader')
    .post(route((request, response) => transfer(host, request, response)))
    .all(only('POST'));
  app
    .route('/members')
    .get(route((_, response) => answerMembers(host, response)))
    .post(route((request, response) => addMember(host, request, response)))
    .all(only('GET', 'POST'));
  app
    .route('/members/:id')
    .delete(route((request, response) => removeMember(host, request, response)))
    .all(only('DELETE'));
  app.use((_: Request, response: Response) => answer(response, 404, { error: 'no such path' }));
  // Four parameters are how express knows a handler of errors.
  app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    answer(response, 400, { error: 'the path must be percent-encoded UTF-8' });
  });
  return app;
}

function queryOf({ url }: IncomingMessage): string {
  const mark = url?.indexOf('?') ?? -1;
  return mark < 0 ? '' : (url as string).slice(mark + 1);
}

function answerMembers(host: FaceHost, response: Response): void {
  const { members, voters, learners } = host.status();
  answer(response, 200, { members, voters, learners });
}

async function addMember({ admin }: FaceHost, request: Request, response: Response): Promise<void> {
  const shape = '{"id": MEMBER, "url": "http://HOST:PORT", "learner": false}';
  const { id, url, learner = false } = await readObject(request, shape);
  if (typeof url !== 'string' || typeof learner !== 'boolean') throw new HttpError(400, `the body must be ${shape}`);
  if (!/^https?:\/\/[^/]+/u.test(url) || !URL.canParse(url))
    throw new HttpError(400, 'the url must be http://HOST:PORT');
  answer(response, 200, { index: await admin.addMember(idOf(id, `the body must be ${shape}`), url, learner) });
}

async function removeMember({ admin }: FaceHost, request: Request, response: Response): Promise<void> {
  const { id } = request.params;
  if (typeof id !== 'string' || !/^\d{1,20}$/u.test(id)) throw new HttpError(400, 'the path must be /members/ID');
  answer(response, 200, { index: await admin.removeMember(BigInt(id)) });
}

async function transfer({ admin }: FaceHost, request: Request, response: Response): Promise<void> {
  const shape = 'the body must be {"id": MEMBER}';
  const { id } = await readObject(request, '{"id": MEMBER}');
  const leader = idOf(id, shape);
  await admin.transfer(leader);
  answer(response, 200, { leader });
}

function idOf(value: unknown, shape: string): bigint {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw new HttpError(400, shape);
  return BigInt(value);
}
