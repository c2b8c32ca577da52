import { nameOf } from '../model/names.js';
import type { Dot } from '../model/picture.js';
import type { LiveCluster } from '../model/running.js';
import type { Choice } from '../page/choice.js';
import { button, html } from '../page/dom.js';

/** What the launcher is asked to do. */
export type Asked = Readonly<Record<string, unknown>>;

/** What something can be said of and done to: a message that was drawn has arrived by then. */
export type About = Exclude<Choice, { kind: 'message' }> | { readonly kind: 'sent'; readonly dot: Dot };

/** By how much a link is slowed down, and a message is late. */
const LATE_MS = 500;

/** The buttons for what can be done to what was chosen. */
export class Acts {
  private readonly box: HTMLElement;
  private readonly cluster: LiveCluster;
  private readonly act: (asked: Asked) => void;
  private readonly choose: (choice: Choice) => void;
  private shown = '';

  constructor(
    box: HTMLElement,
    cluster: LiveCluster,
    events: { readonly act: (asked: Asked) => void; readonly choose: (choice: Choice) => void },
  ) {
    this.box = box;
    this.cluster = cluster;
    this.act = events.act;
    this.choose = events.choose;
  }

  show(about: About | undefined): void {
    const made = about === undefined ? [] : this.make(about);
    const key = JSON.stringify(made.map((each) => [each.textContent, each.getAttribute('aria-pressed')]));
    const title = about?.kind === 'sent' ? about.dot.sentAt : '';
    if (`${title}${key}` === this.shown) return;
    this.shown = `${title}${key}`;
    // Whoever uses the keyboard stays on the button, or on the one in its place: never on one that does something else.
    const focused = this.box.contains(document.activeElement) ? document.activeElement : null;
    const name = focused instanceof HTMLElement ? focused.dataset['name'] : undefined;
    this.box.replaceChildren(...made);
    if (focused === null) return;
    const again = made.find((each) => name !== undefined && (each as HTMLElement).dataset['name'] === name);
    ((again as HTMLElement | undefined) ?? this.box.querySelector('button'))?.focus();
  }

  private make(about: About): Element[] {
    switch (about.kind) {
      case 'member':
        return this.forMember(about.slot);
      case 'link':
        return this.forLink(about.from, about.to);
      case 'sent':
        return this.forMessages(about.dot.from, about.dot.to, about.dot.name);
      case 'entry':
        return [];
    }
  }

  private forMember(slot: number): Element[] {
    const who = slot + 1;
    const process = this.cluster.processOf(slot);
    const does = (name: string, text: string, kind: string): HTMLButtonElement =>
      button(text, () => this.act({ kind, who }), { 'data-name': name });
    const own =
      process === 'ended'
        ? [does('power', 'Start', 'start')]
        : [
            does('power', 'Kill', 'kill'),
            process === 'paused' ? does('clock', 'Continue', 'continue') : does('clock', 'Pause', 'pause'),
            does('isolate', 'Isolate', 'isolate'),
          ];
    const links = this.cluster.members.filter((other) => other.slot !== slot);
    return [
      ...own,
      html('h3', {}, `Links of ${nameOf(slot)}: pressed means cut`),
      ...links.flatMap((other) => [this.toggle(slot, other.slot), this.toggle(other.slot, slot)]),
      // The picture has the links for the mouse alone.
      html('h3', {}, 'To slow a link down, or lose a message'),
      ...links.map((other) => {
        const [from, to] = [Math.min(slot, other.slot), Math.max(slot, other.slot)];
        const text = `${nameOf(from)} – ${nameOf(to)}`;
        const choose = (): void => this.choose({ kind: 'link', from, to });
        return button(text, choose, { 'aria-label': `${text}: choose this link`, 'data-name': text });
      }),
    ];
  }

  private forLink(from: number, to: number): Element[] {
    return [
      html('h3', {}, 'Pressed means cut'),
      ...[this.toggle(from, to), this.toggle(to, from)],
      html('h3', {}, `Pressed means ${LATE_MS} ms later`),
      ...[this.slow(from, to), this.slow(to, from)],
      ...this.forMessages(from, to, undefined),
      ...this.forMessages(to, from, undefined),
    ];
  }

  /** A message that can be seen has arrived: what can be lost or delayed is the next one. */
  private forMessages(from: number, to: number, message: string | undefined): Element[] {
    const way = { who: from + 1, to: to + 1, ...(message === undefined ? {} : { message }) };
    const link = `${nameOf(from)} → ${nameOf(to)}`;
    const title = `The next ${message ?? 'message'}, ${link}`;
    const does = (text: string, asked: Asked): HTMLButtonElement =>
      button(text, () => this.act({ ...asked, ...way }), {
        'aria-label': `${text}: the next ${message ?? 'message'}, ${link}`,
        'data-name': `${text} ${link}`,
      });
    return [
      html('h3', {}, title),
      does('Lose it', { kind: 'lose' }),
      does(`Delay by ${LATE_MS} ms`, { kind: 'delay', ms: LATE_MS }),
    ];
  }

  private toggle(from: number, to: number): HTMLButtonElement {
    const isOpen = this.cluster.isOpen(from, to);
    const label = `${nameOf(from)} → ${nameOf(to)}`;
    const attributes = {
      'aria-pressed': String(!isOpen),
      'aria-label': `${label}, cut`,
      'data-name': `cut ${label}`,
    };
    return button(label, () => this.act({ kind: isOpen ? 'cut' : 'open', who: from + 1, to: to + 1 }), attributes);
  }

  private slow(from: number, to: number): HTMLButtonElement {
    const isSlow = this.cluster.delayOf(from, to) > 0;
    const label = `${nameOf(from)} → ${nameOf(to)}`;
    const attributes = {
      'aria-pressed': String(isSlow),
      'aria-label': `${label}, slow`,
      'data-name': `slow ${label}`,
    };
    const ms = isSlow ? 0 : LATE_MS;
    return button(label, () => this.act({ kind: 'slow', who: from + 1, to: to + 1, ms }), attributes);
  }
}
