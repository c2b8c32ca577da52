import type { Scene } from '../model/origin.js';
import { REPLICA_SCENES } from '../replica/scenes.js';
import { SCENES } from '../scenes/index.js';
import { button, byId, html, say } from './dom.js';

/** Every scene in its order, and its address. */
const ALL: readonly { readonly id: string; readonly title: string; readonly hash: string }[] = [
  ...SCENES.map(({ id, title }) => ({ id, title, hash: `scene=${id}` })),
  ...REPLICA_SCENES.map(({ id, title }) => ({ id, title, hash: `replica=${id}` })),
];

/** The button that goes to the scene after the one that has ended. */
export class NextScene {
  private readonly control: HTMLButtonElement = byId('next-scene', HTMLButtonElement);
  private next: (typeof ALL)[number] | undefined;

  constructor() {
    this.control.addEventListener('click', () => {
      if (this.next === undefined) return;
      // It vanishes with the scene that has ended: whoever uses the keyboard stays in its place.
      byId('continue').focus();
      location.hash = this.next.hash;
    });
  }

  /** @param ended the id of the scene that has ended; undefined while none has */
  show(ended: string | undefined): void {
    const place = ALL.findIndex(({ id }) => id === ended);
    this.next = place < 0 ? undefined : ALL[place + 1];
    this.control.hidden = this.next === undefined;
    say(this.control, this.next === undefined ? '' : `Next scene: ${this.next.title}`);
  }
}

/** Where the list would push everything else down, it is closed until somebody wants it. */
function foldList(): void {
  const list = byId('scene-list', HTMLDetailsElement);
  const wideness = matchMedia('(min-width: 1180px)');
  const fold = (): void => {
    list.open = wideness.matches;
  };
  fold();
  wideness.addEventListener('change', fold);
  list.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('li button') !== null) fold();
  });
}

/** Lists the scenes of the core. Returns the button of each, by its id. */
export function listCoreScenes(play: (scene: Scene) => void): ReadonlyMap<string, HTMLButtonElement> {
  foldList();
  const items = new Map<string, HTMLButtonElement>();
  for (const [i, scene] of SCENES.entries()) {
    const item = itemOf(String(i + 1), scene, () => play(scene));
    items.set(scene.id, item);
    byId('scenes').append(html('li', {}, item));
  }
  return items;
}

/** Lists the scenes of replicas, which are another page in the same file: the address says which. */
export function listReplicaScenes(current: string): void {
  for (const [i, scene] of REPLICA_SCENES.entries()) {
    const item = itemOf(`R${i + 1}`, scene, () => {
      location.hash = `replica=${scene.id}`;
    });
    if (scene.id === current) item.setAttribute('aria-current', 'true');
    byId('replica-scenes').append(html('li', {}, item));
  }
}

function itemOf(
  mark: string,
  { title, summary }: { readonly title: string; readonly summary: string },
  does: () => void,
): HTMLButtonElement {
  const item = button('', does, { title: summary });
  item.append(html('small', { 'aria-hidden': 'true' }, mark), html('span', {}, title));
  return item;
}
