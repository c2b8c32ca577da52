import { maskOf } from '../model/act.js';
import { titleOf } from '../model/names.js';
import type { Dot } from '../model/picture.js';
import { LISTED_REQUESTS, Places, showRequests, showSides, sideOf, whatOf } from './cards.js';
import type { Choice } from './choice.js';
import { button, byId, fill, html, say } from './dom.js';
import type { Player } from './player.js';
import { outlineOf, shape } from './shapes.js';

/** Messages that are listed. */
const LISTED = 8;

/** What messages take and how many are lost, to choose from. */
const WEATHERS = [
  { label: 'as at the beginning', ms: -1, to: 0, value: 0 },
  { label: 'fast (5 to 20 ms)', ms: 5, to: 20, value: 0 },
  { label: 'slow (300 to 600 ms)', ms: 300, to: 600, value: 0 },
  { label: 'lossy (20 % lost)', ms: 80, to: 160, value: 20 },
  { label: 'bad (50 % lost)', ms: 80, to: 600, value: 50 },
] as const;

/** The client: it writes and reads at a member, and keeps what it was told. */
export class ClientCard {
  private readonly places: Places = new Places();

  constructor(player: Player) {
    const leader = (): number | undefined => player.engine.world.leader()?.slot;
    for (const kind of ['write', 'read', 'stale-read'] as const) {
      byId(kind).addEventListener('click', () => player.act({ kind, who: this.places.slot(leader()) }));
    }
  }

  choose(slot: number): void {
    this.places.choose(slot);
  }

  show({ engine: { world, client, isOver } }: Player): void {
    this.places.show(world.members.filter(({ isGone }) => !isGone).map(({ slot }) => slot));
    for (const kind of ['write', 'read', 'stale-read']) byId(kind, HTMLButtonElement).disabled = isOver;
    const newest = client.requests.slice(-LISTED_REQUESTS).reverse();
    showRequests(newest.map((request) => ({ ...request, what: whatOf(request) })));
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
    byId('split').addEventListener('click', () => player.act({ kind: 'split', value: maskOf(sideOf()) }));
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
    showSides(members.map(({ slot }) => slot));
    byId('split', HTMLButtonElement).disabled = engine.isOver;
    byId('heal', HTMLButtonElement).disabled = engine.isOver;
    this.weather.disabled = engine.isOver;
    this.list(dots, left, time);
  }

  private list(dots: readonly Dot[], left: number, time: number): void {
    const soon = dots.toSorted((a, b) => a.arrivesAt - b.arrivesAt).slice(0, LISTED);
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
