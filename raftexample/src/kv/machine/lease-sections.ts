import { isWhole } from './fields.js';
import type { LeaseRecord, Leases } from './leases.js';
import type { Holder } from './locks.js';
import type { ClockState } from './replicated-clock.js';
import { parse, refuse, type SectionReader } from './snapshot-sections.js';

/** Takes what the sections of leases hold. */
export interface LeaseSink {
  readonly clock: (state: ClockState) => void;
  readonly lease: (id: number, record: LeaseRecord) => void;
  readonly lock: (name: string, holder: Holder) => void;
}

/** Passes what it is given over: for whoever only checks that it could be restored. */
export const noLeases: LeaseSink = { clock: () => {}, lease: () => {}, lock: () => {} };

/** Restores leases. */
export function leaseSink(leases: Leases): LeaseSink {
  return {
    clock: (state) => leases.clock.restore(state),
    lease: (id, record) => leases.restoreLease(id, record),
    lock: (name, holder) => leases.locks.take(name, holder),
  };
}

/** The reader of a section of leases; `undefined` for any other section. */
export function leaseReaderOf(section: string, sink: LeaseSink): SectionReader | undefined {
  switch (section) {
    case 'clock':
      return { kind: 'whole', take: (json) => sink.clock(clockOf(parse(json))) };
    case 'leases':
      return { kind: 'members', take: (id, value) => sink.lease(idOf(id), leaseOf(value)) };
    case 'locks':
      return { kind: 'members', take: (name, value) => sink.lock(name, holderOf(value)) };
    default:
      return undefined;
  }
}

/**
 * Writes the sections of leases, if there was ever any: `,"clock":{…},"leases":{ID:[TTL,READINGS,ENDS_AT,[KEY,…]],…},
 * "locks":{NAME:[LEASE,FENCE],…}`. They are of this moment, so this must not be read later.
 */
export function leaseSections(leases: Leases): readonly string[] {
  const clock = leases.clock.save();
  if (leases.size === 0 && clock.term === 0) return [];
  const held = [...leases.locks.entries()].map(([name, { lease, fence }]) => [name, [lease, fence]] as const);
  return [
    `,\n"clock":${JSON.stringify(clock)}`,
    `,\n"leases":{${membersOf(leases.records())}}`,
    `,\n"locks":{${membersOf(held)}}`,
  ];
}

function membersOf(members: Iterable<readonly [name: string | number, value: unknown]>): string {
  return [...members].map(([name, value]) => `${JSON.stringify(String(name))}:${JSON.stringify(value)}`).join(',');
}

function clockOf(value: unknown): ClockState {
  const { now, ms, term } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { now: wholeOf(now), ms: wholeOf(ms), term: wholeOf(term) };
}

function leaseOf(value: unknown): LeaseRecord {
  const [ttl, readings, endsAt, keys] = listOf(value, 4);
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
    throw refuse('the keys of a lease are none');
  return [wholeOf(ttl), wholeOf(readings), wholeOf(endsAt), keys];
}

function holderOf(value: unknown): Holder {
  const [lease, fence] = listOf(value, 2);
  return { lease: wholeOf(lease), fence: wholeOf(fence) };
}

function listOf(value: unknown, length: number): readonly unknown[] {
  if (Array.isArray(value) && value.length === length) return value as readonly unknown[];
  throw refuse('what it holds of a lease or a lock is no list, or one of another length');
}

function idOf(text: string): number {
  if (/^[1-9]\d{0,15}$/u.test(text)) return wholeOf(Number(text));
  throw refuse('the id of a lease is no number');
}

function wholeOf(value: unknown): number {
  if (isWhole(value)) return value;
  throw refuse('what it holds of a lease, a lock or the clock is no whole number');
}
