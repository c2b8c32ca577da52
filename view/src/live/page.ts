import type { PageEvent } from '@raft-ts/raftexample/internal';
import type { Verdict } from '../model/client.js';
import type { Dot } from '../model/picture.js';
import { LiveCluster } from '../model/running.js';
import { LISTED_REQUESTS, Places, showRequests, showSides, sideOf, whatOf } from '../page/cards.js';
import type { Choice } from '../page/choice.js';
import { byId, say, set } from '../page/dom.js';
import { Events } from '../page/events.js';
import { Logs, logLegend } from '../page/logs.js';
import { messageLegend } from '../page/shapes.js';
import { Stage } from '../page/stage.js';
import { TimelinePicture, timelineLegend } from '../page/timeline.js';
import { announce } from '../page/voice.js';
import { Acts, type Asked } from './acts.js';
import { explain, titleOf } from './explain.js';

/** How much later everything arrives, if it is to. */
const SLOW_MS = 300;
/** Milliseconds between two looks at one of the parts that need not follow every frame. */
const LOOK_MS = 30;
/** How much of the past the timeline shows: of more, nobody could see the seconds of an election. */
const SHOWN_MS = 120_000;

/** What a client asked for, and what it was told. */
interface Asking {
  readonly what: string;
  verdict: Verdict;
  told: string;
}

/** What the launcher says of what it was asked to do. */
interface Answer {
  readonly verdict?: Verdict;
  readonly told?: string;
}

/** The page of a running cluster: it shows what members and launcher tell, and asks the launcher to do things. */
export class LivePage {
  readonly cluster: LiveCluster = new LiveCluster();
  private readonly token: string;
  private readonly stage: Stage;
  private readonly logs: Logs;
  private readonly timeline: TimelinePicture;
  private readonly events: Events = new Events();
  private readonly places: Places = new Places();
  private readonly requests: Asking[] = [];
  private written = 0;
  private chosen: Choice | undefined;
  private pointed: Choice | undefined;
  /** The message that was chosen, which has arrived by now. */
  private chosenDot: Dot | undefined;
  private shown: readonly Dot[] = [];
  private readonly acts: Acts;
  private lookedAt = 0;
  private turn = 0;
  private readonly stillness = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(token: string) {
    this.token = token;
    const chosen = (choice: Choice): void => this.choose(choice);
    addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.choose(undefined);
    });
    const pointed = (choice: Choice | undefined): void => {
      this.pointed = choice;
    };
    this.stage = new Stage(byId('stage'), { chosen, pointed }, () => this.stillness.matches);
    this.logs = new Logs(byId('logs'), pointed);
    this.timeline = new TimelinePicture(byId('timeline'), byId('timeline-text'));
    byId('lease-read').hidden = false;
    this.acts = new Acts(byId('chosen-acts'), this.cluster, { act: (asked) => this.act(asked), choose: chosen });
    messageLegend(byId('legend'));
    logLegend(byId('log-legend'), false);
    timelineLegend(byId('timeline-legend'), true);
    byId('heal').addEventListener('click', () => this.act({ kind: 'heal' }));
    byId('split').addEventListener('click', () => this.act({ kind: 'split', side: sideOf().map((slot) => slot + 1) }));
    byId('slow').addEventListener('click', () =>
      this.act({ kind: 'slow', ms: this.cluster.slowMs === 0 ? SLOW_MS : 0 }),
    );
    for (const kind of ['write', 'read', 'lease-read', 'stale-read'] as const)
      byId(kind).addEventListener('click', () => this.ask(kind));
  }

  choose(choice: Choice | undefined): void {
    this.chosen = choice;
    if (choice?.kind === 'message') this.chosenDot = this.shown.find(({ message }) => message === choice.message);
    if (choice?.kind === 'member') this.places.choose(choice.slot);
  }

  /** Listens to the launcher; the browser connects again by itself. */
  connect(): void {
    const source = new EventSource(`/events?token=${encodeURIComponent(this.token)}`);
    source.addEventListener('open', () => say(byId('connection'), 'Connected.'));
    source.addEventListener('error', () =>
      say(byId('connection'), 'The launcher does not answer. Is it still running?'),
    );
    source.addEventListener('message', ({ data }) => {
      const event = JSON.parse(data as string) as PageEvent;
      const now = performance.now();
      if (event.kind === 'state') this.cluster.state(event, now);
      else this.cluster.hear(event.id, event.told, now);
    });
    const frame = (now: number): void => {
      this.draw(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  private draw(now: number): void {
    const { cluster } = this;
    if (!cluster.isKnown) return;
    this.shown = cluster.dots(now);
    this.stage.show(cluster, this.shown, this.chosen);
    if (now - this.lookedAt < LOOK_MS) return;
    this.lookedAt = now;
    // One part in each of these frames, so that none of them takes long.
    const parts = [
      () => this.logs.show(cluster),
      () => this.logs.name(),
      () => this.timeline.show(cluster.members.length, cluster.timeline, now, now, Math.max(0, now - SHOWN_MS)),
      () => this.showEvents(now),
      () => this.showWords(),
    ];
    parts[this.turn++ % parts.length]?.();
  }

  private showEvents(now: number): void {
    const { notes, count } = this.cluster;
    this.events.show(notes, count, true);
    this.events.speak(notes, count, now);
  }

  private showWords(): void {
    const { cluster } = this;
    const pointedDot = this.dotOf(this.pointed);
    say(byId('explain'), explain(cluster, pointedDot === undefined ? this.pointed : { kind: 'sent', dot: pointedDot }));
    say(byId('title'), cluster.title);
    byId('client').hidden = !cluster.asksClients;
    set(byId('slow'), 'aria-pressed', String(cluster.slowMs > 0));
    const slots = cluster.members.map(({ slot }) => slot);
    this.places.show(slots);
    showSides(slots);
    this.showChosen();
    showRequests(this.requests.toReversed());
  }

  private showChosen(): void {
    const { chosen, cluster, chosenDot } = this;
    const about = chosen?.kind === 'message' ? chosenDot && { kind: 'sent' as const, dot: chosenDot } : chosen;
    say(byId('chosen-title'), about === undefined ? 'Break something' : titleOf(about));
    const nothing = 'Choose a member, a link or a message in the picture: what can be done to it stands here.';
    say(byId('chosen-text'), about === undefined ? nothing : explain(cluster, about));
    this.acts.show(about);
  }

  private dotOf(choice: Choice | undefined): Dot | undefined {
    return choice?.kind === 'message' ? this.shown.find(({ message }) => message === choice.message) : undefined;
  }

  private ask(kind: 'write' | 'read' | 'lease-read' | 'stale-read'): void {
    const slot = this.places.slot(this.cluster.leader());
    const value = `w${++this.written}`;
    const request: Asking = { what: whatOf({ kind, value, slot }), verdict: 'waiting', told: 'No answer yet.' };
    this.requests.push(request);
    if (this.requests.length > LISTED_REQUESTS) this.requests.shift();
    this.act({ kind, who: slot + 1, value }, ({ verdict, told }) => {
      request.verdict = verdict ?? 'unknown';
      request.told = told ?? '';
      // The list of requests is silent: whoever does not see it would not know that there is an answer.
      announce(`${request.what}: ${request.verdict}. ${request.told}`);
    });
  }

  /** Asks the launcher to do something. */
  act(asked: Asked, answered: (answer: Answer) => void = () => {}): void {
    void (async () => {
      try {
        const response = await fetch(`/act?token=${encodeURIComponent(this.token)}`, {
          method: 'POST',
          body: JSON.stringify(asked),
        });
        const answer = (await response.json()) as Answer & { readonly problem?: string };
        if (answer.problem !== undefined) this.refused(answer.problem);
        else say(byId('connection'), 'Connected.');
        answered(answer);
      } catch {
        say(byId('connection'), 'The launcher does not answer. Is it still running?');
        answered({ verdict: 'unknown', told: 'The launcher did not answer.' });
      }
    })();
  }

  /** The same text once more would not be read out. */
  private refused(problem: string): void {
    const text = `That was refused: ${problem}.`;
    const box = byId('connection');
    if (box.textContent === text) announce(text);
    else say(box, text);
  }
}
