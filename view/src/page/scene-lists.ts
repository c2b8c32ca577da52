import type { Scene } from '../model/origin.js';
import { REPLICA_SCENES } from '../replica/scenes.js';
import { SCENES } from '../scenes/index.js';
import { button, byId, html } from './dom.js';

/** Lists the scenes of the core. Returns the button of each, by its id. */
export function listCoreScenes(play: (scene: Scene) => void): ReadonlyMap<string, HTMLButtonElement> {
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
