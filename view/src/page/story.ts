import type { Engine } from '../model/engine.js';
import type { Origin, Scene } from '../model/origin.js';
import { button, byId, say, set } from './dom.js';
import { listCoreScenes, listReplicaScenes, NextScene } from './scene-lists.js';
import { announce } from './voice.js';

/** How far a scene is, or a run without one. */
export interface Telling {
  readonly title: string;
  readonly summary: string;
  /** What is to be said now; nothing where no scene is played. */
  readonly says: string;
  /** The longest text that this scene says: its place is kept, so that nothing below moves from chapter to chapter. */
  readonly longest: string;
  readonly chapter: number;
  /** Number of chapters; 0 where no scene is played. */
  readonly chapters: number;
  readonly position: number;
  readonly isRunning: boolean;
  readonly isBetweenChapters: boolean;
  /** Can nothing more happen? */
  readonly isOver: boolean;
  /** Which rule is broken, in words. */
  readonly broken: string;
}

/** The longest text of a scene: of its chapters, or of its end. */
export function longestOf(chapters: readonly { readonly say: string }[], ends: string): string {
  return chapters.reduce((longest, chapter) => (chapter.say.length > longest.length ? chapter.say : longest), ends);
}

/** Shows how far it is, and what goes on from here. */
export function showStory(told: Telling): void {
  const { title, summary, says, longest, chapter, chapters, position, isRunning, isBetweenChapters, isOver, broken } =
    told;
  const isAtEnd = chapters > 0 && chapter >= chapters;
  say(byId('story-title'), title);
  say(byId('story-summary'), summary);
  sayAloud(byId('story-text'), says);
  set(byId('story-say'), 'data-longest', longest);
  byId('story-say').hidden = says === '';
  const goesOn = isAtEnd ? 'Run on' : 'Continue';
  say(byId('continue'), isRunning ? 'Pause' : position === 0 ? 'Start' : goesOn);
  byId('continue', HTMLButtonElement).disabled = isOver;
  const isPaused = position > 0 && !isBetweenChapters && !isRunning;
  const step = `Step ${chapter + 1} of ${chapters}${isPaused ? ', paused' : ''}`;
  const end = isOver ? 'The end of the scene; the run stops here' : 'The end of the scene; the cluster is yours';
  say(byId('story-step'), chapters === 0 ? '' : isAtEnd ? end : step);
  byId('broken').hidden = broken === '';
  sayAloud(byId('broken'), broken);
}

/** Shows a text, and has it read out if it is another one. */
function sayAloud(element: Element, text: string): void {
  if (element.textContent !== text) announce(text);
  say(element, text);
}

/** What the story tells the page. */
export interface StoryEvents {
  play(scene: Scene, variant: string): void;
  goOn(): void;
}

/** The list of scenes, and the text of the one that is played. */
export class Story {
  private readonly events: StoryEvents;
  private readonly next: NextScene = new NextScene();
  /** Which variants there are buttons for. */
  private variants = 'none';
  private readonly items: ReadonlyMap<string, HTMLButtonElement>;

  constructor(events: StoryEvents) {
    this.events = events;
    this.items = listCoreScenes((scene) => events.play(scene, scene.variants?.[0]?.id ?? ''));
    listReplicaScenes('');
    byId('continue').addEventListener('click', () => events.goOn());
  }

  show({ origin, chapter, chapters, isBetweenChapters, position, broken, isOver }: Engine, isRunning: boolean): void {
    const scene = origin.kind === 'scene' ? origin.scene : undefined;
    for (const [id, item] of this.items) set(item, 'aria-current', id === scene?.id ? 'true' : undefined);
    this.showVariants(origin);
    const isAtEnd = scene !== undefined && chapter >= chapters.length;
    const ends = scene !== undefined && origin.kind === 'scene' ? scene.end(origin.variant) : '';
    this.next.show(isAtEnd ? scene.id : undefined);
    showStory({
      title: scene?.title ?? titleOf(origin),
      summary: scene?.summary ?? summaryOf(origin),
      says: scene === undefined ? '' : isAtEnd ? ends : (chapters[chapter]?.say ?? ''),
      longest: longestOf(chapters, ends),
      chapter,
      chapters: scene === undefined ? 0 : chapters.length,
      position,
      isRunning,
      isBetweenChapters,
      isOver,
      broken: broken === undefined ? '' : `A rule is broken, ${broken.rule}: “${broken.rules}” But: ${broken.text}`,
    });
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
