import { clock, listed, nameOf, namesOf } from './names.js';

/** What can be done by hand: the numbers say what the kind needs. */
export const ACTS = {
  /** The power of `who` is cut: it loses what its disk had not synced. */
  crash: ['who'],
  start: ['who'],
  freeze: ['who'],
  thaw: ['who'],
  /** The direction from `who` to `to` is cut, or opened again. */
  cut: ['who', 'to'],
  open: ['who', 'to'],
  /** Cuts all links between the members whose bits are set in `value` and the others. */
  split: ['value'],
  isolate: ['who'],
  heal: [],
  /** The message under way with the key `value` is lost, or arrives `ms` later. */
  lose: ['value'],
  delay: ['value', 'ms'],
  /** A client writes, or reads, at `who`. */
  write: ['who'],
  read: ['who'],
  'lease-read': ['who'],
  'stale-read': ['who'],
  campaign: ['who'],
  /** The leader hands its role to `who`. */
  transfer: ['who'],
  /** `who` makes a snapshot and drops its log up to there. */
  snapshot: ['who'],
  /** The leader proposes that as many new members as `value` says join, and `who` leaves; -1 for nobody. */
  change: ['who', 'value'],
  /** The leader proposes to leave the joint configuration. */
  leave: [],
  /** Messages take from `ms` to `to` milliseconds, and `value` of a hundred are lost. */
  weather: ['ms', 'to', 'value'],
} as const;

export type ActKind = keyof typeof ACTS;
type Field = 'who' | 'to' | 'value' | 'ms';

/** Something done by hand. */
export interface Act {
  readonly kind: ActKind;
  readonly who?: number;
  readonly to?: number;
  readonly value?: number;
  readonly ms?: number;
}

/** An act, and when: after how many steps of the run, and at which moment of virtual time. */
export interface Done {
  readonly position: number;
  readonly at: number;
  readonly act: Act;
}

/** An act in a sentence. */
export function describeAct(act: Act): string {
  const who = nameOf(act.who ?? 0);
  switch (act.kind) {
    case 'crash':
      return `The power of ${who} is cut.`;
    case 'start':
      return `${who} starts again from its disk.`;
    case 'freeze':
      return `The process of ${who} is frozen.`;
    case 'thaw':
      return `The process of ${who} goes on.`;
    case 'cut':
      return `The link from ${who} to ${nameOf(act.to ?? 0)} is cut.`;
    case 'open':
      return `The link from ${who} to ${nameOf(act.to ?? 0)} is open again.`;
    case 'split':
      return `The network splits: ${namesOf(slotsOf(act.value ?? 0))} on one side, the others on the other.`;
    case 'isolate':
      return `${who} is cut off from everybody.`;
    case 'heal':
      return 'All links are open again.';
    case 'lose':
      return 'One message is lost.';
    case 'delay':
      return `One message is delayed by ${act.ms ?? 0} ms.`;
    case 'write':
      return `A client writes at ${who}.`;
    case 'read':
      return `A client asks ${who} for a linearizable read.`;
    case 'lease-read':
      return `A client asks ${who} for a read by lease.`;
    case 'stale-read':
      return `A client reads at ${who} without asking anybody else.`;
    case 'campaign':
      return `${who} is told to campaign.`;
    case 'transfer':
      return `The leader is told to hand over to ${who}.`;
    case 'snapshot':
      return `${who} makes a snapshot and drops the log that it covers.`;
    case 'change':
      return describeChange(act);
    case 'leave':
      return 'The leader is told to leave the joint configuration.';
    case 'weather':
      return `Messages take ${act.ms ?? 0} to ${act.to ?? 0} ms now, and ${act.value ?? 0} of 100 are lost.`;
  }
}

function describeChange({ who = -1, value = 0 }: Act): string {
  const parts = [
    ...(value > 0 ? [value === 1 ? 'one new member joins' : `${value} new members join`] : []),
    ...(who >= 0 ? [`${nameOf(who)} leaves`] : []),
  ];
  return `The leader is told to change the membership: ${listed(parts)}.`;
}

/** The slots whose bits are set. */
export function slotsOf(mask: number): number[] {
  return Array.from({ length: 31 }, (_, slot) => slot).filter((slot) => (mask & (1 << slot)) !== 0);
}

export function maskOf(slots: readonly number[]): number {
  return slots.reduce((mask, slot) => mask | (1 << slot), 0);
}

// Texts for addresses: numbers to the base of 36, `position.at.kind.number…`.

/** Returns the text of a script, as it stands in an address. */
export function writeScript(script: readonly Done[]): string {
  return script
    .map(({ position, at, act }) => {
      const numbers = fieldsOf(act.kind).map((field) => (act[field] ?? 0).toString(36));
      return [position.toString(36), at.toString(36), act.kind, ...numbers].join('.');
    })
    .join('~');
}

/**
 * Reads such a text.
 * @throws Error that says which part is wrong
 */
export function readScript(text: string): Done[] {
  if (text === '') return [];
  let before = 0;
  return text.split('~').map((part) => {
    const [position = '', at = '', kind = '', ...numbers] = part.split('.');
    if (!isKind(kind)) throw new Error(`"${part}" is not something that can be done here`);
    const fields = fieldsOf(kind);
    const done = { position: whole(position, part), at: whole(at, part) };
    if (done.position < before || numbers.length !== fields.length) throw new Error(`"${part}" is out of place`);
    before = done.position;
    const values = fields.map((field, i) => [field, whole(numbers[i] ?? '', part)] as const);
    return { ...done, act: { kind, ...Object.fromEntries(values) } };
  });
}

function fieldsOf(kind: ActKind): readonly Field[] {
  return ACTS[kind];
}

function isKind(kind: string): kind is ActKind {
  return Object.hasOwn(ACTS, kind);
}

function whole(text: string, part: string): number {
  const value = Number.parseInt(text, 36);
  if (!Number.isSafeInteger(value) || value.toString(36) !== text) throw new Error(`"${part}" holds no whole number`);
  return value;
}

/** When something was done, for people. */
export function describeDone({ at, act }: Done): string {
  return `${clock(at)} ${describeAct(act)}`;
}
