import type { Message } from '@raft-ts/proto';
import type { Act } from '../model/act.js';
import { explainCell, explainCluster, explainDot, explainLink, explainMember } from '../model/explain.js';
import { type Place, writeLink } from '../model/link.js';
import { clock } from '../model/names.js';
import type { Origin } from '../model/origin.js';
import { cellsOf, type Dot, dotsOf, pictureOf, sceneryOf } from '../model/picture.js';
import { type Choice, isSame } from './choice.js';
import { Controls } from './controls.js';
import { HelpDialog, OpenDialog, startNewDialog } from './dialogs.js';
import { byId, say } from './dom.js';
import { Events } from './events.js';
import { Inspector } from './inspector.js';
import { startKeys } from './keys.js';
import { Logs, logLegend } from './logs.js';
import { Player } from './player.js';
import { messageLegend } from './shapes.js';
import { ClientCard, NetworkCard } from './side.js';
import { MOST_DOTS, Stage } from './stage.js';
import { Story } from './story.js';
import { TimelinePicture, timelineLegend } from './timeline.js';

/** What the run may take of each frame, in milliseconds: the rest is for drawing. */
const BUDGET_MS = 4;
/** While a run is played again there is nothing to draw that would have to be smooth. */
const REPLAY_MS = 30;
/**
 * A frame that took so many milliseconds already, for what happens in the run or for the browser's collection of
 * garbage, leaves what may wait to the next one.
 */
const FULL_MS = 4;
/** Milliseconds between two frames in which one of the parts is drawn that need not follow every frame. */
const SLOW_MS = 45;
/** Milliseconds after which one of them is drawn even in a full frame. */
const SLOWEST_MS = 200;

/** Everything that the page shows, and what somebody does to it. */
export class Page {
  readonly player: Player;
  /** Milliseconds of script of the last frames, for whoever measures. */
  readonly costs: number[] = [];
  private chosen: Choice | undefined;
  private pointed: Choice | undefined;
  /** What is wrong with the address that was opened. */
  private problem = '';
  private isDirty = true;
  private isScheduled = false;
  private before = 0;
  private slowAt = 0;
  private turn = 0;
  /** Was the picture left to this frame by the one before? It is not left to a third. */
  private isLate = false;
  /** Parts that are still to be drawn as they are at rest. */
  private left: (() => boolean | void)[] = [];
  /** Were entries drawn that screen readers know by their old names? */
  private isToName = false;
  /** Is there something to be read out later? */
  private isToSpeak = false;
  private readonly stage: Stage;
  private readonly logs: Logs;
  private readonly timeline: TimelinePicture;
  private readonly inspector: Inspector;
  private readonly story: Story;
  private readonly client: ClientCard;
  private readonly network: NetworkCard;
  private readonly events: Events = new Events();
  private readonly controls: Controls;
  private readonly moved: (place: Place) => void;
  private readonly stillness = matchMedia('(prefers-reduced-motion: reduce)');

  /**
   * @param problem why it is not what was asked for
   * @param moved is told where the run is, whenever it comes to rest
   */
  constructor(place: Place, problem: string, moved: (place: Place) => void) {
    this.problem = problem;
    this.moved = moved;
    this.player = new Player(place, () => this.changed());
    const choose = (choice: Choice | undefined): void => this.choose(choice);
    const point = (choice: Choice | undefined): void => this.point(choice);
    this.stage = new Stage(byId('stage'), { chosen: choose, pointed: point }, () => this.stillness.matches);
    this.logs = new Logs(byId('logs'), point);
    this.timeline = new TimelinePicture(byId('timeline'), byId('timeline-text'));
    this.inspector = new Inspector(this.player, choose);
    this.story = new Story({
      play: (scene, variant) => this.open({ origin: { kind: 'scene', scene, variant }, script: [], position: 0 }),
      goOn: () => this.toggle(),
    });
    this.client = new ClientCard(this.player);
    this.network = new NetworkCard(this.player, choose);
    this.controls = new Controls(
      this.player,
      () => this.toggle(),
      () => this.link,
    );
    messageLegend(byId('legend'));
    logLegend(byId('log-legend'));
    timelineLegend(byId('timeline-legend'));
    const help = new HelpDialog();
    this.startDialogs();
    startKeys({ player: this.player, isOn: () => help.keys.checked, toggle: () => this.toggle(), choose });
    addEventListener('resize', () => this.changed());
    this.changed();
  }

  private startDialogs(): void {
    const opened = (origin: Origin): void => this.open({ origin, script: [], position: 0 });
    const dialog = new OpenDialog(opened);
    startNewDialog(opened);
    addEventListener('dragover', (event) => event.preventDefault());
    addEventListener('drop', (event) => {
      event.preventDefault();
      void dialog.openFile(event.dataTransfer?.files[0]);
    });
  }

  /** @param problem why it is not what was asked for */
  open(place: Place, problem = ''): void {
    this.problem = problem;
    this.chosen = undefined;
    this.pointed = undefined;
    this.player.open(place);
  }

  act(act: Act): void {
    this.player.act(act);
  }

  toggle(): void {
    if (this.player.isRunning) this.player.pause();
    else this.player.run();
  }

  place(): Place {
    const { player } = this;
    return { origin: player.origin, script: player.script, position: player.engine.position };
  }

  /** What stands after the `#` of the address of what is shown. */
  get link(): string {
    return writeLink(this.place());
  }

  choose(choice: Choice | undefined): void {
    this.chosen = choice;
    if (choice?.kind === 'message') this.player.pause();
    if (choice?.kind === 'member') this.client.choose(choice.slot);
    this.changed();
  }

  private point(choice: Choice | undefined): void {
    if (isSame(choice, this.pointed)) return;
    this.pointed = choice;
    this.changed();
  }

  private changed(): void {
    this.isDirty = true;
    this.schedule();
  }

  /** Is everything drawn as it is now? */
  get isDrawn(): boolean {
    return !this.isDirty && this.left.length === 0;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame((now) => this.frame(now));
  }

  private frame(now: number): void {
    this.isScheduled = false;
    const began = performance.now();
    const { player } = this;
    const passed = Math.min(100, Math.max(0, now - this.before));
    this.before = now;
    const wasActive = player.isRunning || player.isReplaying;
    const isNew = player.frame(passed, player.isReplaying ? REPLAY_MS : BUDGET_MS);
    const isActive = player.isRunning || player.isReplaying;
    const isToDraw = isNew || this.isDirty || (wasActive && !isActive);
    this.isLate = isToDraw && isActive && !this.isLate && performance.now() - began > FULL_MS;
    this.isDirty = this.isLate;
    if (!isToDraw) this.drawLeft();
    else if (!this.isLate) this.draw(now, began, !isActive);
    if (isActive || this.left.length > 0) this.schedule();
    this.keepCost(performance.now() - began);
  }

  private keepCost(cost: number): void {
    this.costs.push(cost);
    if (this.costs.length > 1200) this.costs.splice(0, 600);
  }

  /**
   * @param began when this frame began, by the clock
   * @param isAtRest is everything to be drawn as it is now, the slow parts too?
   */
  private draw(now: number, began: number, isAtRest: boolean): void {
    const { player } = this;
    const { engine, time } = player;
    const isDrawn = (message: Message): boolean => this.stage.elementOf(message) !== undefined;
    const { dots, left } = dotsOf(engine.world, engine.chronicle, time, MOST_DOTS, isDrawn);
    const scenery = sceneryOf(engine.world);
    this.stage.show(scenery, dots, this.chosen);
    this.controls.show();
    if (this.isToName && !isAtRest) {
      this.drawNames();
      return;
    }
    const wait = performance.now() - began > FULL_MS ? SLOWEST_MS : SLOW_MS;
    if (!isAtRest && now - this.slowAt < wait) return;
    this.slowAt = now;
    // One part in each of these frames, so that none of them takes long.
    const words = (): void => this.drawWords(dots, left);
    const logs = (): void => {
      this.logs.show(scenery);
      this.isToName = true;
    };
    const course = (): void => this.timeline.show(engine.world.members.length, player.timeline, time, player.furthest);
    const notes = (): boolean => this.drawNotes(now, isAtRest);
    if (isAtRest) {
      this.left = [words, logs, () => this.drawNames(), course, notes, () => this.moved(this.place())];
      this.drawLeft();
    } else {
      this.left = [];
      const parts = [words, logs, course, notes];
      parts[this.turn++ % parts.length]?.();
    }
  }

  /** In the frame after the one in which the entries were drawn. */
  private drawNames(): void {
    this.isToName = false;
    this.logs.name();
  }

  /** Draws the next of the parts that are left; it says so if that was not all of it. */
  private drawLeft(): void {
    if (this.left[0]?.() !== false) this.left.shift();
  }

  private drawWords(dots: readonly Dot[], left: number): void {
    const { player } = this;
    this.story.show(player.engine, player.isRunning);
    this.inspector.show(this.chosen, dots);
    this.client.show(player);
    this.network.show(dots, left);
    say(byId('explain'), this.explain(dots));
  }

  /** Returns whether that was all of them. */
  private drawNotes(now: number, isAtRest: boolean): boolean {
    const { notes, count } = this.player.engine.chronicle;
    const isWhole = this.events.show(notes, count, isAtRest);
    const wait = this.events.speak(notes, count, now);
    // While it runs, there will be another frame anyway.
    if (wait === undefined || !isAtRest || this.isToSpeak) return isWhole;
    this.isToSpeak = true;
    setTimeout(() => {
      this.isToSpeak = false;
      this.changed();
    }, wait);
    return isWhole;
  }

  /** A sentence or two about what is pointed at; about the whole if that is nothing. */
  private explain(dots: readonly Dot[]): string {
    const { engine, time } = this.player;
    const { world, client, chronicle } = engine;
    const { pointed } = this;
    if (pointed === undefined && this.problem !== '') return this.problem;
    if (pointed === undefined) return explainCluster(world, chronicle.timeline.burnt, time);
    switch (pointed.kind) {
      case 'member':
        return world.members[pointed.slot] === undefined ? '' : explainMember(world, pointed.slot);
      case 'link':
        return explainLink(world, pointed.from, pointed.to);
      case 'message': {
        const dot = dots.find(({ message }) => message === pointed.message);
        return dot === undefined ? `At ${clock(time)} that message is no longer under way.` : explainDot(dot, time);
      }
      case 'entry': {
        if (world.members[pointed.slot] === undefined) return '';
        const cell = cellsOf(world, pictureOf(world, pointed.slot), pointed.index, pointed.index)[0];
        return cell === undefined ? 'There is no entry.' : explainCell(world, client, cell);
      }
    }
  }
}
