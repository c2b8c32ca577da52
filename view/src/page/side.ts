import { maskOf } from '../model/act.js';
import type { Request } from '../model/client.js';
import { nameOf, titleOf } from '../model/names.js';
import type { Dot } from '../model/picture.js';
import type { Choice } from './choice.js';
import { button, byId, fill, html, say, set } from './dom.js';
import type { Player } from './player.js';
import { outlineOf, shape } from './shapes.js';

/** Requests and messages that are listed. */
const LISTED = { requests: 12, messages: 8 } as const;

/** What messages take and how many are lost, to choose from. */
const WEATHERS = [
  { label: 'as at the beginning', ms: -1, to: 0, value: 0 },
  { label: 'fast (5 to 20 ms)', ms: 5, to: 20, value: 0 },
  { label: 'slow (300 to 600 ms)', ms: 300, to: 600, value: 0 },
  { label: 'lossy (20 % lost)', ms: 80, to: 160, value: 20 },
  { label: 'bad (50 % lost)', ms: 80, to: 600, value: 50 },
] as const;

/** What a verdict is called, and its sign. */
export const VERDICTS: Readonly<Record<Request['verdict'], string>> = {
  waiting: '… waiting',
  done: '✓ done',
  'not done': '✕ not done',
  unknown: '? unknown',
  stale: '! stale',
};

/** The client: it writes and reads at a member, and keeps what it was told. */
export class ClientCard {
  private readonly at: HTMLSelectElement = byId('client-at', HTMLSelectElement);

  constructor(player: Player) {
    for (const kind of ['write', 'read', 'stale-read'] as const) {
      byId(kind).addEventListener('click', () => player.act({ kind, who: this.where(player) }));
    }
  }

  private where({ engine: { world } }: Player): number {
    return this.at.value === 'leader' ? (world.leader()?.slot ?? 0) : Number(this.at.value);
  }

  choose(slot: number): void {
    if ([...this.at.options].some(({ value }) => value === String(slot))) this.at.value = String(slot);
  }

  show({ engine: { world, client, isOver } }: Player): void {
    const places = ['leader', ...world.members.filter(({ isGone }) => !isGone).map(({ slot }) => String(slot))];
    if (this.at.options.length !== places.length) {
      const { value } = this.at;
      this.at.replaceChildren(
        ...places.map((place) =>
          html('option', { value: place }, place === 'leader' ? 'the leader' : nameOf(Number(place))),
        ),
      );
      this.at.value = places.includes(value) ? value : 'leader';
    }
    for (const kind of ['write', 'read', 'stale-read']) byId(kind, HTMLButtonElement).disabled = isOver;
    const newest = client.requests.slice(-LISTED.requests).reverse();
    fill(
      byId('requests'),
      newest,
      () => html('li', {}, html('b'), ' ', html('span')),
      (element, request) => {
        const { kind, slot, value, verdict, told } = request;
        const what = kind === 'write' ? `write ${value}` : kind === 'read' ? 'read' : 'stale read';
        set(element, 'data-verdict', verdict);
        say(element.children[0] as Element, `${VERDICTS[verdict]}: ${what} at ${nameOf(slot)}.`);
        say(element.children[1] as Element, told);
      },
    );
  }
}

/** The network: split, heal, slow or lossy; and what is under way, to be lost or delayed without a pointer. */
export class NetworkCard {
  private readonly player: Player;
  private readonly choose: (choice: Choice) => void;
  private readonly weather: HTMLSelectElement = byId('weather', HTMLSelectElement);

  constructor(player: Player, choose: (choice: Choice) => void) {
    this.player = player;
    this.choose = choose;
    for (const [i, { label }] of WEATHERS.entries()) this.weather.append(html('option', { value: String(i) }, label));
    this.weather.addEventListener('change', () => this.change());
    byId('heal').addEventListener('click', () => player.act({ kind: 'heal' }));
    byId('split').addEventListener('click', () => player.act({ kind: 'split', value: maskOf(this.side()) }));
  }

  private side(): number[] {
    return [...byId('sides').querySelectorAll('input')].flatMap((box, slot) => (box.checked ? [slot] : []));
  }

  private change(): void {
    const chosen = WEATHERS[Number(this.weather.value)];
    if (chosen === undefined) return;
    const { origin } = this.player;
    const first = this.player.startWeather(origin);
    const { ms, to, value } = chosen.ms < 0 ? first : chosen;
    this.player.act({ kind: 'weather', ms, to, value });
  }

  show(dots: readonly Dot[], left: number): void {
    const { engine, time } = this.player;
    const { members } = engine.world;
    const make = (): Element => html('label', {}, html('input', { type: 'checkbox' }), html('span'));
    fill(byId('sides'), members, make, (element, { slot }) => {
      say(element.children[1] as Element, nameOf(slot));
    });
    byId('split', HTMLButtonElement).disabled = engine.isOver;
    byId('heal', HTMLButtonElement).disabled = engine.isOver;
    this.weather.disabled = engine.isOver;
    this.list(dots, left, time);
  }

  private list(dots: readonly Dot[], left: number, time: number): void {
    const soon = dots.toSorted((a, b) => a.arrivesAt - b.arrivesAt).slice(0, LISTED.messages);
    const list = byId('messages');
    const isRunning = this.player.isRunning;
    // Buttons that change under the finger are no use: while it runs, the list says how many there are.
    if (isRunning || soon.length === 0) {
      const count = dots.length + left;
      const text = isRunning ? `${count}; pause to lose or delay one of them` : 'Nothing.';
      fill(
        list,
        [text],
        () => html('li'),
        (element, words) => {
          if (element.children.length > 0) element.replaceChildren();
          say(element, words);
        },
      );
      return;
    }
    list.replaceChildren(
      ...soon.map((dot) => {
        const title = titleOf(dot.message, dot.from);
        const lose = button('Lose', () => this.player.act({ kind: 'lose', value: dot.key }), {
          'aria-label': `Lose ${title}`,
        });
        const late = button('Delay', () => this.player.act({ kind: 'delay', value: dot.key, ms: 500 }), {
          'aria-label': `Delay ${title}`,
        });
        const look = button('Look', () => this.choose({ kind: 'message', message: dot.message }), {
          'aria-label': `Look at ${title}`,
        });
        return html(
          'li',
          {},
          shape(dot.family, dot.isAnswer, dot.isRefusal, outlineOf(dot)),
          html('span', {}, `${title}, arrives in ${Math.max(0, Math.ceil(dot.arrivesAt - time))} ms`),
          html('div', { class: 'row' }, look, lose, late),
        );
      }),
    );
  }
}
