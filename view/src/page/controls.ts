import { clock } from '../model/names.js';
import { byId, html, say, set } from './dom.js';

/** Virtual seconds for each second. */
const SPEEDS: readonly (readonly [string, number])[] = [
  ['1/20', 0.05],
  ['1/10', 0.1],
  ['1/4', 0.25],
  ['1/2', 0.5],
  ['1', 1],
  ['2', 2],
  ['5', 5],
];

/** By how much an arrow key moves the slider, in milliseconds of virtual time. */
const KEY_MS = 50;

/** What moves a run through time. */
export interface Mover {
  readonly time: number;
  readonly furthest: number;
  readonly position: number;
  readonly isRunning: boolean;
  readonly isReplaying: boolean;
  readonly isOver: boolean;
  speed: number;
  oneEvent(): void;
  back(): void;
  toStart(): void;
  seek(at: number): void;
}

/** The bar that moves the run through time. */
export class Controls {
  private readonly player: Mover;
  private readonly slider: HTMLInputElement = byId('time', HTMLInputElement);

  /** @param link what stands after the `#` of the address of what is shown */
  constructor(player: Mover, toggle: () => void, link: () => string) {
    this.player = player;
    const speed = byId('speed', HTMLSelectElement);
    for (const [label, value] of SPEEDS) speed.append(html('option', { value: String(value) }, `${label} ×`));
    speed.value = String(player.speed);
    speed.addEventListener('change', () => {
      player.speed = Number(speed.value);
    });
    byId('run').addEventListener('click', toggle);
    byId('step').addEventListener('click', () => player.oneEvent());
    byId('back').addEventListener('click', () => player.back());
    byId('to-start').addEventListener('click', () => player.toStart());
    this.slider.addEventListener('input', () => player.seek(Number(this.slider.value)));
    this.slider.addEventListener('keydown', (event) => this.key(event));
    byId('share').addEventListener('click', () => void share(link()));
  }

  /** By itself a slider goes by one millisecond, in which nothing happens. */
  private key(event: KeyboardEvent): void {
    const step = { ArrowRight: KEY_MS, ArrowUp: KEY_MS, ArrowLeft: -KEY_MS, ArrowDown: -KEY_MS }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.player.seek(Math.max(0, this.player.time + step));
  }

  show(): void {
    const { player, slider } = this;
    const { position, time, furthest, isRunning, isReplaying, isOver } = player;
    say(byId('run'), isRunning ? 'Pause' : 'Run');
    byId('run', HTMLButtonElement).disabled = isOver;
    byId('step', HTMLButtonElement).disabled = isOver;
    byId('back', HTMLButtonElement).disabled = position === 0 && !isReplaying;
    byId('to-start', HTMLButtonElement).disabled = position === 0 && !isReplaying;
    set(slider, 'max', Math.max(1, Math.ceil(furthest)));
    if (!isReplaying) slider.value = String(Math.floor(time));
    set(slider, 'aria-valuetext', clock(time));
    say(byId('clock'), clock(time));
  }
}

async function share(link: string): Promise<void> {
  const address = `${location.href.split('#')[0]}#${link}`;
  const control = byId('share');
  try {
    await navigator.clipboard.writeText(address);
    say(control, 'Copied');
  } catch {
    // Not every page may write to the clipboard: the address bar has it, too.
    say(control, 'It is in the address');
  }
  setTimeout(() => say(control, 'Copy link'), 2000);
}
