import { nameOf } from '../model/names.js';
import type { Choice } from '../page/choice.js';
import { button, byId, fill, html, say, set } from '../page/dom.js';
import { Events } from '../page/events.js';
import { Logs, logLegend } from '../page/logs.js';
import { messageLegend } from '../page/shapes.js';
import { Stage } from '../page/stage.js';
import { TimelinePicture } from '../page/timeline.js';
import { LiveCluster, type State, type Told } from './cluster.js';
import { explain } from './explain.js';

/** How much later everything arrives, if it is to. */
const SLOW_MS = 300;
/** Milliseconds between two looks at what need not follow every frame. */
const LOOK_MS = 150;
const REQUESTS = 12;

type Event = State | { readonly kind: 'told'; readonly id: number; readonly told: Told };

interface Request {
  readonly text: string;
  verdict: string;
  told: string;
}

/** The page of a running store: it shows what members and launcher tell, and asks the launcher to do things. */
export class LivePage {
  readonly cluster: LiveCluster = new LiveCluster();
  private readonly token: string;
  private readonly stage: Stage;
  private readonly logs: Logs;
  private readonly timeline: TimelinePicture;
  private readonly events: Events = new Events();
  private readonly requests: Request[] = [];
  private written = 0;
  private chosen: Choice | undefined;
  private pointed: Choice | undefined;
  private shownActs = '';
  private lookedAt = 0;
  private readonly stillness = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(token: string) {
    this.token = token;
    const chosen = (choice: Choice): void => {
      if (choice.kind !== 'message') this.chosen = choice;
    };
    const pointed = (choice: Choice | undefined): void => {
      this.pointed = choice;
    };
    this.stage = new Stage(byId('stage'), { chosen, pointed }, () => this.stillness.matches);
    this.logs = new Logs(byId('logs'), pointed);
    this.timeline = new TimelinePicture(byId('timeline'), byId('timeline-text'));
    messageLegend(byId('legend'));
    logLegend(byId('log-legend'));
    byId('heal').addEventListener('click', () => this.act({ kind: 'heal' }));
    byId('split').addEventListener('click', () => this.act({ kind: 'split', side: this.side() }));
    byId('slow').addEventListener('click', () =>
      this.act({ kind: 'slow', ms: this.cluster.slowMs === 0 ? SLOW_MS : 0 }),
    );
    for (const kind of ['write', 'read', 'stale-read'] as const)
      byId(kind).addEventListener('click', () => this.ask(kind));
  }

  /** Listens to the launcher; the browser connects again by itself. */
  connect(): void {
    const source = new EventSource(`/events?token=${encodeURIComponent(this.token)}`);
    source.addEventListener('open', () => say(byId('connection'), 'Connected.'));
    source.addEventListener('error', () =>
      say(byId('connection'), 'The launcher does not answer. Is it still running?'),
    );
    source.addEventListener('message', ({ data }) => {
      const event = JSON.parse(data as string) as Event;
      const now = performance.now();
      if (event.kind === 'state') this.cluster.state(event, now);
      else this.cluster.hear(event.id, event.told, now);
    });
    const frame = (now: number): void => {
      this.draw(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  private draw(now: number): void {
    const { cluster } = this;
    if (!cluster.isKnown) return;
    this.stage.show(cluster, cluster.dots(now), this.chosen);
    if (now - this.lookedAt < LOOK_MS) return;
    this.lookedAt = now;
    this.logs.show(cluster);
    this.timeline.show(cluster.members.length, cluster.timeline, now, now);
    this.events.show(cluster.notes, cluster.count, true);
    this.events.speak(cluster.notes, cluster.count, now);
    say(byId('explain'), explain(cluster, this.pointed));
    set(byId('slow'), 'aria-pressed', String(cluster.slowMs > 0));
    this.showPlaces();
    this.showChosen();
    this.showRequests();
  }

  private showPlaces(): void {
    const { members } = this.cluster;
    const select = byId('client-at', HTMLSelectElement);
    if (select.options.length !== members.length) {
      select.replaceChildren(...members.map(({ slot }) => html('option', { value: String(slot + 1) }, nameOf(slot))));
    }
    const make = (): Element => html('label', {}, html('input', { type: 'checkbox' }), html('span'));
    fill(byId('sides'), members, make, (element, { slot }) => {
      say(element.children[1] as Element, nameOf(slot));
    });
  }

  private side(): number[] {
    return [...byId('sides').querySelectorAll('input')].flatMap((box, slot) => (box.checked ? [slot + 1] : []));
  }

  private showChosen(): void {
    const { chosen, cluster } = this;
    if (chosen === undefined) return;
    say(byId('chosen-title'), titleOf(chosen));
    say(byId('chosen-text'), explain(cluster, chosen));
    const made =
      chosen.kind === 'member'
        ? this.forMember(chosen.slot)
        : chosen.kind === 'link'
          ? this.forLink(chosen.from, chosen.to)
          : [];
    const key = `${JSON.stringify(chosen)} ${made.map((each) => `${each.textContent}${each.getAttribute('aria-pressed')}`).join()}`;
    if (key === this.shownActs) return;
    this.shownActs = key;
    const box = byId('chosen-acts');
    const place = [...box.children].indexOf(document.activeElement as Element);
    box.replaceChildren(...made);
    if (place >= 0) (box.children[place] as HTMLElement | undefined)?.focus();
  }

  private forMember(slot: number): Element[] {
    const who = slot + 1;
    const process = this.cluster.processOf(slot);
    const does = (text: string, kind: string): HTMLButtonElement => button(text, () => this.act({ kind, who }));
    const own =
      process === 'ended'
        ? [does('Start', 'start')]
        : [
            does('Kill', 'kill'),
            process === 'paused' ? does('Continue', 'continue') : does('Pause', 'pause'),
            does('Isolate', 'isolate'),
          ];
    const links = this.cluster.members.filter((other) => other.slot !== slot);
    return [
      ...own,
      html('h3', {}, `Links of ${nameOf(slot)}: pressed means cut`),
      ...links.flatMap((other) => [this.toggle(slot, other.slot), this.toggle(other.slot, slot)]),
    ];
  }

  private forLink(from: number, to: number): Element[] {
    return [this.toggle(from, to), this.toggle(to, from)];
  }

  private toggle(from: number, to: number): HTMLButtonElement {
    const isOpen = this.cluster.isOpen(from, to);
    const label = `${nameOf(from)} → ${nameOf(to)}`;
    const attributes = { 'aria-pressed': String(!isOpen), 'aria-label': `${label}, cut` };
    return button(label, () => this.act({ kind: isOpen ? 'cut' : 'open', who: from + 1, to: to + 1 }), attributes);
  }

  private ask(kind: 'write' | 'read' | 'stale-read'): void {
    const who = Number(byId('client-at', HTMLSelectElement).value);
    const value = `w${++this.written}`;
    const what = kind === 'write' ? `write ${value}` : kind === 'read' ? 'read' : 'stale read';
    const request: Request = { text: `${what} at n${who}`, verdict: 'waiting', told: 'No answer yet.' };
    this.requests.push(request);
    if (this.requests.length > REQUESTS) this.requests.shift();
    this.act({ kind, who, value }, ({ verdict, told }) => {
      request.verdict = verdict ?? 'unknown';
      request.told = told ?? '';
    });
  }

  private showRequests(): void {
    const make = (): Element => html('li', {}, html('b'), ' ', html('span'));
    fill(byId('requests'), this.requests.toReversed(), make, (element, { text, verdict, told }) => {
      set(element, 'data-verdict', verdict);
      say(element.children[0] as Element, `${verdict}: ${text}.`);
      say(element.children[1] as Element, told);
    });
  }

  /** Asks the launcher to do something. */
  act(
    asked: Readonly<Record<string, unknown>>,
    answered: (answer: { verdict?: string; told?: string }) => void = () => {},
  ): void {
    void (async () => {
      try {
        const response = await fetch(`/act?token=${encodeURIComponent(this.token)}`, {
          method: 'POST',
          body: JSON.stringify(asked),
        });
        const answer = (await response.json()) as { problem?: string; verdict?: string; told?: string };
        if (answer.problem !== undefined) say(byId('connection'), `That was refused: ${answer.problem}.`);
        answered(answer);
      } catch {
        say(byId('connection'), 'The launcher does not answer. Is it still running?');
        answered({ verdict: 'unknown', told: 'The launcher did not answer.' });
      }
    })();
  }
}

function titleOf(choice: Choice): string {
  if (choice.kind === 'member') return `Member ${nameOf(choice.slot)}`;
  return choice.kind === 'link' ? `Link ${nameOf(choice.from)} and ${nameOf(choice.to)}` : 'An entry';
}
