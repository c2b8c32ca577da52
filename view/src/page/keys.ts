import type { Act } from '../model/act.js';
import type { Choice } from './choice.js';
import type { Mover } from './controls.js';

/** What single keys do, as long as whoever types is not in a field. */
export function startKeys(page: {
  readonly player: Pick<Mover, 'oneEvent' | 'back'> & { readonly members: number; act(act: Act): void };
  readonly isOn: () => boolean;
  readonly toggle: () => void;
  readonly choose: (choice: Choice | undefined) => void;
}): void {
  const { player } = page;
  const keys: Readonly<Record<string, () => void>> = {
    ' ': page.toggle,
    c: page.toggle,
    ArrowRight: () => player.oneEvent(),
    ArrowLeft: () => player.back(),
    h: () => player.act({ kind: 'heal' }),
    Escape: () => page.choose(undefined),
  };
  addEventListener('keydown', (event) => {
    if (!page.isOn() || event.ctrlKey || event.metaKey || event.altKey || isBusy(event.target, event.key)) return;
    const slot = Number(event.key) - 1;
    if (Number.isInteger(slot) && slot >= 0 && slot < player.members) {
      page.choose({ kind: 'member', slot });
      return;
    }
    const does = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (does === undefined) return;
    event.preventDefault();
    does();
  });
}

/** Does the key mean something where the focus is? */
function isBusy(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) return false;
  if (document.querySelector('dialog[open]') !== null) return true;
  if (target.matches('select, input:not([type="checkbox"]), textarea')) return true;
  return (
    (key === ' ' || key === 'Enter') && target.matches('button, summary, input, [role="button"], [role="gridcell"]')
  );
}
