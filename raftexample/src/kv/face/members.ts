import type { IncomingMessage, ServerResponse } from 'node:http';
import { isWhole } from '../machine/fields.js';
import { answer, HttpError } from './answers.js';
import { readObject } from './body.js';
import { parseMember } from './query.js';
import type { StatusHost } from './status.js';

/** What changes who is in the cluster, and who leads it. */
export interface AdminHost {
  /**
   * Resolves with the index of the change once it is applied here.
   * @param replaces the member whose vote it takes once it has caught up
   * @throws HttpError 409 for an id that was removed
   */
  addMember(id: bigint, url: string, learner: boolean, replaces?: bigint): Promise<number>;
  /** @throws HttpError 404 for an id that is no member's */
  removeMember(id: bigint): Promise<number>;
  /** Resolves once this member leads. */
  transfer(id: bigint): Promise<void>;
}

export interface MembersHost extends StatusHost {
  readonly admin: AdminHost;
  /** Where members answer clients, by id, as far as this one knows. */
  readonly clients: () => Readonly<Record<string, string>>;
}

export function answerMembers(host: MembersHost, _request: IncomingMessage, response: ServerResponse): void {
  const { members, voters, learners } = host.status();
  answer(response, 200, { members, voters, learners, clients: host.clients() });
}

export async function addMember(
  { admin }: MembersHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const shape = '{"id": MEMBER, "url": "http://HOST:PORT", "learner": false}, and may name a member that it "replaces"';
  const { id, url, learner = false, replaces } = await readObject(request, shape);
  const old = replaces === undefined ? undefined : idOf(replaces, shape);
  if (typeof url !== 'string' || typeof learner !== 'boolean' || (learner && old !== undefined)) throw wrongBody(shape);
  if (!/^https?:\/\/[^/]+/u.test(url) || !URL.canParse(url))
    throw new HttpError('ERR_KV_REQUEST', 'url', 'the url must be http://HOST:PORT, or https://');
  answer(response, 200, { index: await admin.addMember(idOf(id, shape), url, learner, old) });
}

export async function removeMember(
  { admin }: MembersHost,
  _request: IncomingMessage,
  response: ServerResponse,
  { id = '' }: Readonly<Record<string, string>>,
): Promise<void> {
  answer(response, 200, { index: await admin.removeMember(parseMember('the path must be /members/ID: ID', id)) });
}

export async function transfer(
  { admin }: MembersHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const shape = '{"id": MEMBER}';
  const { id } = await readObject(request, shape);
  const leader = idOf(id, shape);
  await admin.transfer(leader);
  answer(response, 200, { leader });
}

function idOf(value: unknown, shape: string): bigint {
  if (!isWhole(value, 1)) throw wrongBody(shape);
  return BigInt(value);
}

function wrongBody(shape: string): HttpError {
  return new HttpError('ERR_KV_REQUEST', 'body', `the body must be ${shape}`);
}
