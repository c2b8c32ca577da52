/** What the cards beside the picture have in common, whichever cluster it shows. */
import type { Verdict } from '../model/client.js';
import { nameOf } from '../model/names.js';
import { byId, fill, html, say, set } from './dom.js';

/** Requests that are listed. */
export const LISTED_REQUESTS = 12;

/** What a verdict is called, and its sign. */
const VERDICTS: Readonly<Record<Verdict, string>> = {
  waiting: '… waiting',
  done: '✓ done',
  'not done': '✕ not done',
  unknown: '? unknown',
  stale: '! stale',
};

/** Where a client asks: at the leader, whoever that is, or at a member. */
export class Places {
  private readonly at: HTMLSelectElement = byId('client-at', HTMLSelectElement);

  /** @param slots of the members that may be asked */
  show(slots: readonly number[]): void {
    if (this.at.options.length === slots.length + 1) return;
    const { value } = this.at;
    this.at.replaceChildren(
      html('option', { value: 'leader' }, 'the leader'),
      ...slots.map((slot) => html('option', { value: String(slot) }, nameOf(slot))),
    );
    this.at.value = 'leader';
    if (value !== '') this.choose(Number(value));
  }

  /** Does nothing if that member may not be asked. */
  choose(slot: number): void {
    if ([...this.at.options].some(({ value }) => value === String(slot))) this.at.value = String(slot);
  }

  /** The slot of whom is meant; the first one if nobody leads. */
  slot(leader: number | undefined): number {
    return this.at.value === 'leader' ? (leader ?? 0) : Number(this.at.value);
  }
}

/** What a client asked for, and what it was told. */
export interface Answered {
  /** `write w1 at n2`. */
  readonly what: string;
  readonly verdict: Verdict;
  readonly told: string;
}

/** What a client asked for, in a few words. */
export function whatOf({
  kind,
  value,
  slot,
}: {
  readonly kind: string;
  readonly value: string;
  readonly slot: number;
}): string {
  const what = kind === 'write' ? `write ${value}` : kind.replace('-', ' ');
  return `${what} at ${nameOf(slot)}`;
}

/** Lists what clients asked for, the newest first. */
export function showRequests(newest: readonly Answered[]): void {
  const make = (): Element => html('li', {}, html('b'), ' ', html('span'));
  fill(byId('requests'), newest, make, (element, { what, verdict, told }) => {
    set(element, 'data-verdict', verdict);
    say(element.children[0] as Element, `${VERDICTS[verdict]}: ${what}.`);
    say(element.children[1] as Element, told);
  });
}

/** Lists the members, to choose those of one side of a split. */
export function showSides(slots: readonly number[]): void {
  const make = (): Element => html('label', {}, html('input', { type: 'checkbox' }), html('span'));
  fill(byId('sides'), slots, make, (element, slot) => say(element.children[1] as Element, nameOf(slot)));
}

/** The slots that are chosen for one side. */
export function sideOf(): number[] {
  return [...byId('sides').querySelectorAll('input')].flatMap((box, slot) => (box.checked ? [slot] : []));
}
