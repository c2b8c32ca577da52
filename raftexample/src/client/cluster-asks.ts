import type { Ask } from './attempts.js';
import { badArgument } from './errors.js';
import { queryOf, readDone, readObject } from './key-asks.js';
import { idOf, idsOf, parseIds, textOf, urlsOf, wholeOf } from './numbers.js';
import type {
  ChangeOutcome,
  Explanation,
  MemberStatus,
  Members,
  NewMember,
  Question,
  TransferOutcome,
} from './types.js';

export function askStatus(): Ask<MemberStatus> {
  return {
    method: 'GET',
    path: '/status',
    repeatable: true,
    read: async (answer) => {
      const found = await readObject(answer, parseIds);
      const whole = (name: string): number => wholeOf(found[name], name);
      return {
        id: idOf(found['id']),
        clusterId: idOf(found['clusterId']),
        leader: idOf(found['leader']),
        state: textOf(found['state'], 'the state'),
        term: whole('term'),
        commit: whole('commit'),
        applied: whole('applied'),
        firstIndex: whole('firstIndex'),
        lastIndex: whole('lastIndex'),
        snapshotIndex: whole('snapshotIndex'),
        // Members written in Go, and older ones, say nothing of these.
        ...seen('snapshotAgeMs', found['snapshotAgeMs'], (age) => wholeOf(age, 'the age of the snapshot')),
        ...seen('disk', found['disk'], diskOf),
        ...seen('clocks', found['clocks'], clocksOf),
        ...seen('followers', found['followers'], followersOf),
        ...seen('warnings', found['warnings'], warningsOf),
        voters: idsOf(found['voters']),
        learners: idsOf(found['learners']),
        members: urlsOf(found['members']),
        pid: whole('pid'),
      };
    },
  };
}

/** The field, if the member has told it. */
function seen<Name extends string, T>(name: Name, value: unknown, read: (value: unknown) => T): { [N in Name]?: T } {
  return value === undefined ? {} : ({ [name]: read(value) } as { [N in Name]?: T });
}

function diskOf(value: unknown): NonNullable<MemberStatus['disk']> {
  const { free, size } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { free: wholeOf(free, 'the room of the disk'), size: wholeOf(size, 'the size of the disk') };
}

function clocksOf(value: unknown): ReadonlyMap<bigint, number> {
  const all = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>);
  return new Map(all.flatMap(([id, ms]) => (typeof ms === 'number' ? [[idOf(id), ms] as const] : [])));
}

function followersOf(value: unknown): NonNullable<MemberStatus['followers']> {
  const all = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>);
  return new Map(all.map(([id, match]) => [idOf(id), wholeOf(match, 'how far a member is')]));
}

function warningsOf(value: unknown): NonNullable<MemberStatus['warnings']> {
  if (!Array.isArray(value)) throw new TypeError('a list of warnings is missing');
  return value.map((one: unknown) => {
    const { kind, text } = (one ?? {}) as Readonly<Record<string, unknown>>;
    return { kind: textOf(kind, 'the kind of a warning'), text: textOf(text, 'the text of a warning') };
  });
}

export function askMembers(): Ask<Members> {
  return {
    method: 'GET',
    path: '/members',
    repeatable: true,
    read: async (answer) => {
      const { members, voters, learners, clients = {} } = await readObject(answer, parseIds);
      return {
        members: urlsOf(members),
        voters: idsOf(voters),
        learners: idsOf(learners),
        clients: urlsOf(clients),
      };
    },
  };
}

export function askAddMember({ id, url, learner = false, replaces }: NewMember): Ask<ChangeOutcome> {
  if (typeof url !== 'string' || !/^https?:\/\/[^/]+/u.test(url))
    throw badArgument('url', 'it must be http://HOST:PORT, where the other members reach it');
  if (learner && replaces !== undefined) throw badArgument('replaces', 'a learner takes the vote of nobody');
  const exchange = replaces === undefined ? '' : `,"replaces":${memberId(replaces)}`;
  return {
    method: 'POST',
    path: '/members',
    headers: { 'Content-Type': 'application/json' },
    body: `{"id":${memberId(id)},"url":${JSON.stringify(url)},"learner":${learner}${exchange}}`,
    // A member that is there already is not added again.
    repeatable: true,
    read: readDone,
  };
}

export function askRemoveMember(id: bigint): Ask<ChangeOutcome> {
  return { method: 'DELETE', path: `/members/${memberId(id)}`, repeatable: true, read: readDone };
}

export function askTransfer(id: bigint): Ask<TransferOutcome> {
  return {
    method: 'POST',
    path: '/leader',
    headers: { 'Content-Type': 'application/json' },
    body: `{"id":${memberId(id)}}`,
    // Whoever leads already is not made to lead again.
    repeatable: true,
    read: async (answer) => {
      const { leader } = await readObject(answer, parseIds);
      return { outcome: 'done', leader: idOf(leader) };
    },
  };
}

export function askExplain({ index, member, read, features }: Question): Ask<Explanation> {
  const questions = {
    ...(index === undefined ? {} : { index: String(index) }),
    ...(member === undefined ? {} : { member: memberId(member) }),
    ...(read === undefined ? {} : { read: 'true' }),
    ...(features === undefined ? {} : { features: 'true' }),
  };
  if (Object.keys(questions).length > 1)
    throw badArgument('question', 'one of index, member, read and features at most');
  return {
    method: 'GET',
    path: `/explain${queryOf(questions)}`,
    repeatable: true,
    read: async (answer) => {
      const { code, text } = await readObject(answer);
      return { code: textOf(code, 'the code'), text: textOf(text, 'the text') };
    },
  };
}

function memberId(id: bigint): string {
  if (typeof id === 'bigint' && id >= 1n && id < 2n ** 64n) return id.toString();
  throw badArgument('id', 'it must be a bigint from 1n on, with 64 bits at most');
}
