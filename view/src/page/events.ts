import type { Note } from '../model/chronicle.js';
import { clock } from '../model/names.js';
import { byId, fill, html, say, set } from './dom.js';
import { announce } from './voice.js';

/** Notes that are listed, at rest and while it runs. */
const LISTED = { notes: 150, notesRunning: 25 } as const;
/** Milliseconds between two things that are read out. */
const PAUSE_MS = 1500;

/** The text log of what happened, newest first, and what of it is read out. */
export class Events {
  private shown = -1;
  private listed = 0;
  private spoken = 0;
  private spokenAt = Number.NEGATIVE_INFINITY;

  /**
   * Lists the newest notes: few while it runs, and at rest some more with each call.
   * @returns whether all are listed that are to be
   */
  show(notes: readonly Note[], count: number, isAtRest: boolean): boolean {
    const isNew = count !== this.shown;
    const before = isNew ? 0 : this.listed;
    const listed = isAtRest ? Math.min(LISTED.notes, before + LISTED.notesRunning) : LISTED.notesRunning;
    const isWhole = listed >= Math.min(LISTED.notes, isAtRest ? notes.length : LISTED.notesRunning);
    if (!isNew && listed <= before) return isWhole;
    this.shown = count;
    this.listed = listed;
    const newest = notes.slice(-listed).reverse();
    fill(
      byId('events'),
      newest,
      () => html('li', {}, html('time'), html('span')),
      (element, { at, text, isBig }) => {
        set(element, 'class', isBig ? 'big' : undefined);
        say(element.children[0] as Element, clock(at));
        say(element.children[1] as Element, text);
      },
    );
    return isWhole;
  }

  /**
   * Reads out the newest of what matters, and not more than once in a while. Returns the milliseconds after which there
   * is more to be read out; undefined if there is nothing.
   */
  speak(notes: readonly Note[], count: number, now: number): number | undefined {
    if (count < this.spoken) this.spoken = 0;
    if (count === this.spoken) return undefined;
    const wait = this.spokenAt + PAUSE_MS - now;
    if (wait > 0) return wait;
    const fresh = notes.slice(-(count - this.spoken)).filter(({ isBig }) => isBig);
    this.spoken = count;
    if (fresh.length === 0) return undefined;
    this.spokenAt = now;
    const texts = fresh.slice(-3).map(({ text }) => text);
    announce(texts.join(' '));
    return undefined;
  }
}
