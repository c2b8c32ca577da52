import { type Act, maskOf, readScript, writeScript } from '../model/act.js';
import { MOST_STEPS } from '../model/link.js';
import { nameOf, titleOf } from '../model/names.js';
import type { Dot, Scenery } from '../model/picture.js';
import { dotsOf, sceneryOf } from '../replica/scenery.js';
import { replicaSceneOf } from '../replica/scenes.js';
import { LISTED_REQUESTS, Places, showRequests, showSides, sideOf, whatOf } from './cards.js';
import type { Choice } from './choice.js';
import { Controls } from './controls.js';
import { HelpDialog } from './dialogs.js';
import { button, byId, html, say } from './dom.js';
import { Events } from './events.js';
import { startKeys } from './keys.js';
import { Logs, logLegend } from './logs.js';
import { type ReplicaPlace, ReplicaPlayer } from './replica-player.js';
import { listCoreScenes, listReplicaScenes, NextScene } from './scene-lists.js';
import { messageLegend } from './shapes.js';
import { MOST_DOTS, Stage } from './stage.js';
import { longestOf, showStory } from './story.js';
import { TimelinePicture, timelineLegend } from './timeline.js';

/** Milliseconds between two looks at what need not follow every frame. */
const LOOK_MS = 120;

/** What stands after the `#` of the address of a run of replicas. */
export function writeReplicaLink({ scene, script, position }: ReplicaPlace): string {
  const done = script.length > 0 ? `&do=${writeScript(script)}` : '';
  return `replica=${scene.id}${done}${position > 0 ? `&at=${position}` : ''}`;
}

/** @throws Error that says what is wrong with it */
export function readReplicaLink(text: string): ReplicaPlace {
  const parts = new URLSearchParams(text);
  const position = Number(parts.get('at') ?? '0');
  if (!Number.isSafeInteger(position) || position < 0 || position > MOST_STEPS) throw new Error('at is no position');
  return {
    scene: replicaSceneOf(parts.get('replica') ?? ''),
    script: readScript(parts.get('do') ?? ''),
    position,
  };
}

/** The page of a cluster of replicas: as `Page`, with `@raft-ts/replica` between clients and the core. */
export class ReplicaPage {
  readonly player: ReplicaPlayer;
  private chosen: Choice | undefined;
  private pointed: Choice | undefined;
  private shownActs = '';
  private lookedAt = 0;
  private before = 0;
  private isDirty = true;
  private readonly stage: Stage;
  private readonly logs: Logs;
  private readonly timeline: TimelinePicture;
  private readonly events: Events = new Events();
  private readonly controls: Controls;
  private readonly places: Places = new Places();
  private readonly next: NextScene = new NextScene();
  private readonly problem: string;
  private readonly moved: (link: string) => void;
  private readonly stillness = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param problem why it is not what was asked for */
  constructor(place: ReplicaPlace, problem: string, moved: (link: string) => void) {
    this.problem = problem;
    this.moved = moved;
    this.player = new ReplicaPlayer(place, () => this.changed());
    const pointed = (choice: Choice | undefined): void => {
      this.pointed = choice;
      this.changed();
    };
    this.stage = new Stage(
      byId('stage'),
      { chosen: (choice) => this.choose(choice), pointed },
      () => this.stillness.matches,
    );
    this.logs = new Logs(byId('logs'), pointed);
    this.timeline = new TimelinePicture(byId('timeline'), byId('timeline-text'));
    messageLegend(byId('legend'));
    logLegend(byId('log-legend'));
    timelineLegend(byId('timeline-legend'));
    listCoreScenes((scene) => {
      location.hash = `scene=${scene.id}`;
    });
    listReplicaScenes(place.scene.id);
    byId('continue').addEventListener('click', () => this.toggle());
    this.startCards();
    const toggle = (): void => this.toggle();
    this.controls = new Controls(this.player, toggle, () => writeReplicaLink(this.player.place));
    const help = new HelpDialog();
    startKeys({ player: this.player, isOn: () => help.keys.checked, toggle, choose: (choice) => this.choose(choice) });
    addEventListener('resize', () => this.changed());
    requestAnimationFrame((now) => this.frame(now));
  }

  private startCards(): void {
    byId('lease-read').hidden = false;
    for (const id of ['weather-label', 'under-way', 'messages', 'new', 'open']) byId(id).hidden = true;
    for (const kind of ['write', 'read', 'lease-read', 'stale-read'] as const)
      byId(kind).addEventListener('click', () =>
        this.player.act({ kind, who: this.places.slot(this.player.run.world.leader()?.slot) }),
      );
    byId('heal').addEventListener('click', () => this.player.act({ kind: 'heal' }));
    byId('split').addEventListener('click', () => this.player.act({ kind: 'split', value: maskOf(sideOf()) }));
    const slots = this.player.run.world.members.map(({ slot }) => slot);
    this.places.show(slots);
    showSides(slots);
  }

  toggle(): void {
    if (this.player.isRunning) this.player.pause();
    else this.player.start();
  }

  choose(choice: Choice | undefined): void {
    this.chosen = choice;
    if (choice?.kind === 'message') this.player.pause();
    if (choice?.kind === 'member') this.places.choose(choice.slot);
    this.changed();
  }

  private changed(): void {
    this.isDirty = true;
  }

  private frame(now: number): void {
    const passed = Math.min(100, Math.max(0, now - this.before));
    this.before = now;
    const { player } = this;
    player.frame(passed);
    if (this.isDirty || player.isRunning || player.isReplaying) this.draw(now);
    requestAnimationFrame((next) => this.frame(next));
  }

  private draw(now: number): void {
    const { player } = this;
    const isAtRest = !player.isRunning && !player.isReplaying;
    this.isDirty = false;
    const scenery = sceneryOf(player.run);
    const dots = dotsOf(player.run, player.time, MOST_DOTS);
    this.stage.show(scenery, dots, this.chosen);
    this.controls.show();
    if (!isAtRest && now - this.lookedAt < LOOK_MS) return;
    this.lookedAt = now;
    const { chronicler, world } = player.run;
    this.logs.show(scenery);
    this.logs.name();
    this.timeline.show(world.members.length, player.timeline, player.time, player.furthest);
    this.events.show(chronicler.notes, chronicler.count, isAtRest);
    this.events.speak(chronicler.notes, chronicler.count, now);
    this.showStory();
    this.showChosen(scenery, dots);
    const newest = player.run.client.requests.slice(-LISTED_REQUESTS).reverse();
    showRequests(newest.map((request) => ({ ...request, what: whatOf(request) })));
    say(byId('explain'), this.explain(this.pointed, scenery, dots));
    if (isAtRest) this.moved(writeReplicaLink(player.place));
  }

  private showStory(): void {
    const { run, isRunning, isOver } = this.player;
    const { scene, chapter, chapters, position, isBetweenChapters } = run;
    const isAtEnd = chapter >= chapters.length;
    this.next.show(isAtEnd ? scene.id : undefined);
    showStory({
      title: scene.title,
      summary: scene.summary,
      says: isAtEnd ? scene.end : (chapters[chapter]?.say ?? ''),
      longest: longestOf(chapters, scene.end),
      chapter,
      chapters: chapters.length,
      position,
      isRunning,
      isBetweenChapters,
      isOver,
      broken: isOver ? `A rule is broken: ${run.broken}` : this.problem,
    });
  }

  /** What the replica itself says of itself, or what there is to say of the rest. */
  private explain(choice: Choice | undefined, { members, isOpen, cells }: Scenery, dots: readonly Dot[]): string {
    const { world } = this.player.run;
    if (choice === undefined) {
      const leader = world.leader();
      return leader?.replica === undefined
        ? 'Nobody leads.'
        : `${leader.replica.explain().text} ${leader.replica.explain({ lease: true }).text}`;
    }
    switch (choice.kind) {
      case 'member': {
        const member = world.members[choice.slot];
        const shown = members[choice.slot];
        if (member === undefined || shown === undefined) return '';
        const logs = `Its log ends at ${shown.last}; committed up to ${shown.commit}, applied up to ${shown.applied}.`;
        if (member.replica === undefined) return `${nameOf(choice.slot)} is down. ${logs}`;
        const frozen = shown.isFrozen ? `The process of ${nameOf(choice.slot)} is frozen. Before that: ` : '';
        return `${frozen}${member.replica.explain().text} ${logs} Its state is “${member.machine?.value ?? ''}”.`;
      }
      case 'link':
        return `${way(choice.from, choice.to, isOpen)} ${way(choice.to, choice.from, isOpen)}`;
      case 'message': {
        const dot = dots.find(({ message }) => message === choice.message);
        return dot === undefined ? 'It has arrived.' : `${titleOf(dot.message, dot.from)}.`;
      }
      case 'entry': {
        const shown = members[choice.slot];
        const cell = shown && cells(shown, choice.index, choice.index)[0];
        if (cell === undefined) return 'There is no entry.';
        const { replica } = world.members[choice.slot] ?? {};
        return replica === undefined
          ? `Entry ${cell.index}, of term ${cell.term}.`
          : replica.explain({ index: cell.index }).text;
      }
    }
  }

  private showChosen(scenery: Scenery, dots: readonly Dot[]): void {
    const { chosen } = this;
    say(byId('chosen-title'), chosen === undefined ? 'Break something' : headingOf(chosen));
    const nothing = 'Choose a member or a link in the picture: what can be done to it stands here.';
    say(byId('chosen-text'), chosen === undefined ? nothing : this.explain(chosen, scenery, dots));
    const made = chosen === undefined ? [] : this.make(chosen);
    const key = JSON.stringify([
      chosen?.kind,
      made.map((each) => [each.textContent, each.getAttribute('aria-pressed')]),
    ]);
    if (key === this.shownActs) return;
    this.shownActs = key;
    const box = byId('chosen-acts');
    const place = [...box.children].indexOf(document.activeElement as Element);
    box.replaceChildren(...made);
    if (place >= 0) (box.children[place] as HTMLElement | undefined)?.focus();
  }

  private make(chosen: Choice): readonly Element[] {
    if (chosen.kind === 'link')
      return [this.toggleLink(chosen.from, chosen.to), this.toggleLink(chosen.to, chosen.from)];
    if (chosen.kind !== 'member') return [];
    const who = chosen.slot;
    const { members } = this.player.run.world;
    const member = members[who];
    if (member === undefined) return [];
    const does = (text: string, act: Act): HTMLButtonElement => button(text, () => this.player.act(act));
    const others = members.filter(({ slot }) => slot !== who);
    return [
      member.isUp ? does('Crash', { kind: 'crash', who }) : does('Start', { kind: 'start', who }),
      member.process?.isFrozen === true
        ? does('Go on', { kind: 'thaw', who })
        : does('Freeze', { kind: 'freeze', who }),
      does('Isolate', { kind: 'isolate', who }),
      html('h3', {}, `Links of ${nameOf(who)}: pressed means cut`),
      ...others.flatMap(({ slot }) => [this.toggleLink(who, slot), this.toggleLink(slot, who)]),
    ];
  }

  private toggleLink(who: number, to: number): HTMLButtonElement {
    const isOpen = this.player.run.world.wire.network.isOpen(who, to);
    const label = `${nameOf(who)} → ${nameOf(to)}`;
    const attributes = { 'aria-pressed': String(!isOpen), 'aria-label': `${label}, cut` };
    return button(label, () => this.player.act({ kind: isOpen ? 'cut' : 'open', who, to }), attributes);
  }
}

function headingOf(choice: Choice): string {
  switch (choice.kind) {
    case 'member':
      return `Member ${nameOf(choice.slot)}`;
    case 'link':
      return `Link ${nameOf(choice.from)} and ${nameOf(choice.to)}`;
    case 'message':
      return 'A message';
    case 'entry':
      return `Entry ${choice.index} of ${nameOf(choice.slot)}`;
  }
}

function way(from: number, to: number, isOpen: Scenery['isOpen']): string {
  return `What ${nameOf(from)} sends ${isOpen(from, to) ? 'reaches' : 'does not reach'} ${nameOf(to)}.`;
}
