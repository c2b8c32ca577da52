import type { Engine } from '../model/engine.js';
import type { Origin, Scene } from '../model/origin.js';
import { button, byId, say, set } from './dom.js';
import { listCoreScenes, listReplicaScenes } from './scene-lists.js';

/** What the story tells the page. */
export interface StoryEvents {
  play(scene: Scene, variant: string): void;
  goOn(): void;
}

/** The list of scenes, and the text of the one that is played. */
export class Story {
  private readonly events: StoryEvents;
  private readonly goOn: HTMLButtonElement = byId('continue', HTMLButtonElement);
  /** Which variants there are buttons for. */
  private variants = 'none';
  private readonly items: ReadonlyMap<string, HTMLButtonElement>;

  constructor(events: StoryEvents) {
    this.events = events;
    this.items = listCoreScenes((scene) => events.play(scene, scene.variants?.[0]?.id ?? ''));
    listReplicaScenes('');
    this.goOn.addEventListener('click', () => events.goOn());
  }

  show({ origin, chapter, chapters, isBetweenChapters, position, broken, isOver }: Engine, isRunning: boolean): void {
    const scene = origin.kind === 'scene' ? origin.scene : undefined;
    for (const [id, item] of this.items) set(item, 'aria-current', id === scene?.id ? 'true' : undefined);
    say(byId('story-title'), scene?.title ?? titleOf(origin));
    say(byId('story-summary'), scene?.summary ?? summaryOf(origin));
    this.showVariants(origin);
    const isAtEnd = scene !== undefined && chapter >= chapters.length;
    const text =
      scene === undefined
        ? ''
        : isAtEnd
          ? scene.end(origin.kind === 'scene' ? origin.variant : '')
          : (chapters[chapter]?.say ?? '');
    say(byId('story-say'), text);
    byId('story-say').hidden = text === '';
    const isLive = position > 0 && !isBetweenChapters;
    say(this.goOn, isRunning ? 'Pause' : position === 0 ? 'Start' : 'Continue');
    this.goOn.disabled = isOver;
    const steps = `${Math.min(chapter + 1, chapters.length)} of ${chapters.length}`;
    say(
      byId('story-step'),
      scene === undefined
        ? ''
        : isAtEnd
          ? 'The end of the scene; the cluster is yours'
          : `Step ${steps}${isLive && !isRunning ? ', paused' : ''}`,
    );
    const box = byId('broken');
    box.hidden = broken === undefined;
    say(box, broken === undefined ? '' : `A rule is broken. ${broken.rules} (${broken.rule}) ${broken.text}`);
  }

  /** The buttons for the ways in which a scene can go: built again when another one is played. */
  private showVariants(origin: Origin): void {
    const key = origin.kind === 'scene' ? `${origin.scene.id} ${origin.variant}` : '';
    if (key === this.variants) return;
    this.variants = key;
    const made =
      origin.kind !== 'scene'
        ? []
        : (origin.scene.variants ?? []).map(({ id, label }) =>
            button(label, () => this.events.play(origin.scene, id), { 'aria-pressed': String(id === origin.variant) }),
          );
    const hadFocus = byId('variants').contains(document.activeElement);
    byId('variants').replaceChildren(...made);
    byId('variants').hidden = made.length === 0;
    if (hadFocus) made.find((each) => each.getAttribute('aria-pressed') === 'true')?.focus();
  }
}

function titleOf(origin: Origin): string {
  if (origin.kind === 'free') return `A cluster of ${origin.knobs.members}, seed ${origin.knobs.seed}`;
  return origin.kind === 'case' ? `A run of the simulator, seed ${origin.case.seed}` : '';
}

function summaryOf(origin: Origin): string {
  if (origin.kind === 'free') return 'Yours: run it, break it, and send the link to somebody.';
  if (origin.kind !== 'case') return '';
  const { actions, safetyMs, settings } = origin.case;
  return `${settings.members} members, ${actions.length} actions in ${safetyMs / 1000} s; then all faults end, and the cluster must recover. The run stops at the first broken rule.`;
}
