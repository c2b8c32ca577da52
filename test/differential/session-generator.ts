import { encodeConfState } from '@raft-ts/proto';
import {
  type ConfState,
  type Entry,
  emptyConfState,
  isConfChangeEntry,
  type Message,
  MessageType,
  type NodeId,
  type Ready,
} from '@raft-ts/raft';
import { type Action, type Call, usual } from './actions.js';
import { Application, applyLine, stepLine } from './application.js';
import { forge } from './forge.js';
import { payloadText } from './inspect.js';
import { bootOption, chooseChange, chooseIds, chooseMembership, chooseOptions, wrongOptions } from './members.js';
import { Choices } from './random.js';
import { type PlayedSession, Recorder } from './recorder.js';
import type { Member } from './session.js';

const FLIGHT_LIMIT = 120;
const HISTORY_LIMIT = 60;
const SETTLE_LIMIT = 60;

/**
 * Drives a small cluster of this side's members and writes down every line: a network that loses, delays, repeats and
 * reorders, applications that apply late, restart and compact, and, in half of the sessions, forged messages.
 */
class SessionGenerator {
  readonly #choices: Choices;
  readonly #recorder = new Recorder();
  readonly #apps: Application[] = [];
  readonly #ids: readonly NodeId[];
  readonly #weights: Record<Action, number>;
  readonly #loss: number;
  #flight: Message[] = [];
  readonly #history: Message[] = [];
  /** What is sent to this member takes long. */
  readonly #slow: NodeId | undefined;
  /** Members that nobody reaches, and that reach nobody. */
  #cutOff: readonly NodeId[] = [];
  readonly #sharedOptions: readonly string[];
  readonly #limit: number;

  constructor(seed: number) {
    const choices = new Choices(seed);
    this.#choices = choices;
    this.#limit = choices.between(60, 400);
    this.#loss = choices.pick([0, 0, 0.02, 0.1, 0.25]);
    this.#weights = { ...choices.skewed(usual), forge: choices.chance(0.5) ? choices.between(5, 60) : 0 };
    const { begin, others } = chooseIds(choices);
    this.#ids = [...begin, ...others];
    this.#slow = choices.chance(0.4) ? choices.pick(begin) : undefined;
    this.#sharedOptions = chooseOptions(choices);
    this.#say(`rand ${choices.below(2 ** 32)}`);
    this.#begin(begin, others);
  }

  run(): PlayedSession {
    const { lines } = this.#recorder;
    while (lines.length < this.#limit && !this.#over) {
      this.#act(this.#choices.weighted(this.#weights));
    }
    if (!this.#over && this.#choices.chance(0.05)) this.#breakRule();
    return this.#recorder.played;
  }

  get #over(): boolean {
    return this.#recorder.panicked;
  }

  /** Says a line, unless the session is over; false if it was refused, or over. */
  #say(line: string): boolean {
    return !this.#over && this.#recorder.say(line).kind === 'text';
  }

  #member(id: NodeId): Member {
    return this.#recorder.session.members.get(String(id)) as Member;
  }

  // Members

  #begin(begin: readonly NodeId[], others: readonly NodeId[]): void {
    const choices = this.#choices;
    const beginning = choices.weighted({ stored: 6, bootstrap: 3, unnumbered: 1 });
    const membership = chooseMembership(choices, begin);
    const index = beginning === 'stored' ? choices.between(2, 12) : 0;
    // One that knows nothing yet of the cluster it belongs to is sent a snapshot.
    const blank = begin.length > 1 && choices.chance(0.3) ? begin.at(-1) : undefined;
    for (const id of begin) {
      const empty = beginning === 'bootstrap' || id === blank;
      this.#add(id, empty ? emptyConfState() : membership, empty ? 0 : index);
    }
    if (beginning === 'bootstrap') {
      const peers = begin.map((id) => `${id}=${choices.pick(['-', payloadText(choices.payload(2))])}`).join(' ');
      for (const id of begin) this.#say(`bootstrap ${id} ${peers}`);
    }
    for (const id of others) {
      if (choices.chance(0.5)) this.#add(id, emptyConfState(), 0);
    }
    if (choices.chance(0.8)) this.#say(`campaign ${begin[0]}`);
  }

  #add(id: NodeId, confState: ConfState, index: number): void {
    const choices = this.#choices;
    const options = choices.chance(0.85) ? this.#sharedOptions : chooseOptions(choices);
    const boot = confState.voters.length > 0 ? [bootOption(confState, index)] : [];
    // An application that stores what it has applied says so.
    const applied = index > 0 && choices.chance(0.5) ? [`applied=${index}`] : [];
    const debug = this.#apps.length === 0 && choices.chance(0.5) ? ['debug'] : [];
    if (this.#say(['new', id, ...boot, ...applied, ...debug, ...options].join(' '))) {
      this.#apps.push(new Application({ id, member: () => this.#member(id), options, applied: index, confState }));
    }
  }

  #restart(app: Application): void {
    const { storage } = app.member();
    const choices = this.#choices;
    const first = storage.firstIndex() - 1;
    const { hardState } = storage.initialState();
    const applied = Math.min(app.applied, hardState?.commit ?? 0);
    if (applied === app.applied && choices.chance(0.7)) this.#snapshot(app, false);
    const told = applied > first && choices.chance(0.7) ? applied : first;
    const option = told > first ? [`applied=${told}`] : [];
    const options = choices.chance(0.9)
      ? app.options
      : [...chooseOptions(choices).filter((o) => o !== 'async'), ...(app.async ? ['async'] : [])];
    if (this.#say(['restart', app.id, ...option, ...options].join(' '))) {
      app.restarted(told, storage.initialState().confState);
    }
  }

  /** Makes a snapshot of what is applied, and drops entries before it. */
  #snapshot(app: Application, compact: boolean): void {
    const choices = this.#choices;
    const { storage } = app.member();
    if (storage.busy) return;
    const present = storage.snapshot().metadata.index;
    if (app.applied > present && app.applied <= storage.lastIndex() && app.applied >= storage.firstIndex()) {
      const data = choices.chance(0.2) ? '-' : payloadText(choices.bytes(3));
      this.#say(`snapshot ${app.id} ${app.applied} ${payloadText(encodeConfState(app.confState))} ${data}`);
    }
    const last = storage.snapshot().metadata.index;
    if (compact && last >= storage.firstIndex() && last <= storage.lastIndex()) {
      const keep = choices.chance(0.5);
      this.#say(`compact ${app.id} ${keep ? choices.between(storage.firstIndex(), last) : last}`);
    }
  }

  // What a member asks for

  #ready(app: Application): void {
    if (app.outstanding !== undefined) {
      this.#finish(app);
    }
    if (!this.#say(`ready ${app.id}`)) return;
    this.#send(app.take(this.#recorder.session.lastReady as Ready));
    if (!app.async && this.#choices.chance(0.8)) this.#finish(app);
  }

  #send(messages: readonly Message[]): void {
    this.#flight.push(...messages);
    this.#history.push(...messages);
    this.#flight.splice(0, this.#flight.length - FLIGHT_LIMIT);
    this.#history.splice(0, this.#history.length - HISTORY_LIMIT);
  }

  /** Applies what the outstanding Ready says, and advances. */
  #finish(app: Application): void {
    const { outstanding } = app;
    if (outstanding === undefined) return;
    for (const entry of outstanding.changes) this.#apply(app, entry);
    if (this.#say(`advance ${app.id}`)) {
      app.applied = outstanding.applied;
      app.outstanding = undefined;
    }
  }

  #apply(app: Application, entry: Entry): void {
    const line = applyLine(app.id, entry, this.#choices);
    if (line !== undefined && this.#say(line)) app.confState = app.member().node.raft.trk.config.confState();
  }

  /** One piece of what is left to do of earlier Readys. */
  #work(app: Application): void {
    if (app.outstanding !== undefined) {
      this.#finish(app);
      return;
    }
    const kinds = { writes: app.writes.length, applies: app.applies.length, answers: app.answers.length };
    switch (this.#choices.weighted(kinds)) {
      case 'writes': {
        const write = app.writes.shift() as Message;
        if (this.#say(`append ${app.id}`)) {
          app.answers.push(...write.responses.filter((m) => m.to === app.id));
          this.#send(write.responses.filter((m) => m.to !== app.id));
        }
        break;
      }
      case 'applies': {
        const { entries, responses } = app.applies.shift() as Message;
        for (const entry of entries.filter(isConfChangeEntry)) this.#apply(app, entry);
        app.applied = entries.at(-1)?.index ?? app.applied;
        app.answers.push(...responses);
        break;
      }
      case 'answers':
        this.#say(stepLine(app.answers.shift() as Message));
        break;
    }
  }

  // The network

  #deliver(): void {
    const choices = this.#choices;
    if (this.#flight.length === 0) return;
    const next = choices.chance(0.9) ? this.#flight.findIndex(({ to }) => to !== this.#slow) : 0;
    const at = choices.chance(0.8) ? Math.max(0, next) : choices.below(this.#flight.length);
    const [message] = this.#flight.splice(at, 1) as [Message];
    const cut = this.#cutOff.includes(message.to) !== this.#cutOff.includes(message.from);
    if (cut || choices.chance(this.#loss)) {
      this.#reportLoss(message);
      return;
    }
    this.#hand(message);
    if (message.type === MessageType.MsgSnap && choices.chance(0.5)) {
      this.#say(`snapshot-status ${message.from} ${message.to} 1`);
    }
  }

  #reportLoss({ type, from, to }: Message): void {
    if (!this.#choices.chance(0.15) || !this.#apps.some(({ id }) => id === from)) return;
    if (type === MessageType.MsgSnap) this.#say(`snapshot-status ${from} ${to} 2`);
    else this.#say(`unreachable ${from} ${to}`);
  }

  #hand(message: Message): void {
    if (this.#apps.some(({ id }) => id === message.to)) this.#say(stepLine(message));
  }

  #forge(): void {
    const app = this.#choices.pick(this.#apps);
    const { raft } = app.member().node;
    // Mostly what was sent to this member, sometimes what was sent to another.
    const models = this.#choices.chance(0.7) ? this.#history.filter((m) => m.to === app.id) : this.#history;
    const model = models.length > 0 ? this.#choices.pick(models) : undefined;
    const around = {
      ids: this.#ids,
      term: raft.term,
      lastIndex: raft.raftLog.lastIndex(),
      commit: raft.raftLog.committed,
    };
    const message = forge(this.#choices, model, around);
    message.to = app.id;
    this.#say(stepLine(message));
  }

  /** Lets everybody work until nobody has anything to do, or for a while. */
  #settle(): void {
    const end = this.#recorder.lines.length + SETTLE_LIMIT;
    while (this.#recorder.lines.length < end && !this.#over) {
      const before = this.#recorder.lines.length;
      for (const app of this.#apps) {
        while (app.busy && !this.#over) this.#work(app);
        if (app.member().node.hasReady()) this.#ready(app);
      }
      for (let i = this.#flight.length; i > 0; i--) this.#deliver();
      if (this.#recorder.lines.length === before) return;
    }
  }

  // What happens next

  #act(action: Action): void {
    const choices = this.#choices;
    if (this.#apps.length === 0) return;
    const app = choices.pick(this.#apps);
    const { id } = app;
    switch (action) {
      case 'deliver':
        return this.#deliver();
      case 'ready': {
        const waiting = this.#apps.filter((other) => other.member().node.hasReady());
        if (waiting.length > 0) this.#ready(choices.pick(waiting));
        return;
      }
      case 'work': {
        const busy = this.#apps.filter((other) => other.busy);
        if (busy.length > 0) this.#work(choices.pick(busy));
        return;
      }
      case 'settle':
        return this.#settle();
      case 'partition':
        this.#cutOff = choices.chance(0.5) ? [] : choices.some(this.#ids, 0.4);
        return;
      case 'restart':
        return this.#restart(app);
      case 'snapshot':
        return this.#snapshot(app, true);
      case 'repeat':
        if (this.#history.length > 0) this.#hand(choices.pick(this.#history));
        return;
      case 'forge':
        return this.#forge();
      case 'misconfigure':
        this.#say(`new 99 ${choices.pick(wrongOptions)}`);
        return;
      default:
        this.#say(this.#call(action, app, id));
    }
  }

  /** The line of a call that only hands something to a member. */
  #call(action: Call, app: Application, id: NodeId): string {
    const choices = this.#choices;
    const { raft } = app.member().node;
    switch (action) {
      case 'tick':
        return `tick ${id} 1`;
      case 'elapse':
        return `tick ${id} ${choices.between(2, 2 * raft.electionTimeout)}`;
      case 'propose':
        return `propose ${id} ${choices.chance(0.05) ? '-' : payloadText(choices.payload(choices.pick([0, 1, 3, 3, 8, 20])))}`;
      case 'change':
        return `change ${id} ${chooseChange(choices, this.#ids, raft.trk.config.voters.isJoint)}`;
      case 'read':
        return `read ${id} ${payloadText(choices.payload(choices.pick([0, 1, 2, 8])))}`;
      case 'transfer':
        return `transfer ${id} ${choices.pick(this.#ids)}`;
      case 'forget':
      case 'campaign':
      case 'quiesce':
      case 'status':
        return `${action} ${id}`;
      case 'unreachable':
        return `unreachable ${id} ${choices.pick(this.#ids)}`;
      case 'busy':
        return `busy ${id} ${choices.below(2)}`;
      case 'bootstrap':
        return choices.chance(0.5) ? `bootstrap ${id}` : `bootstrap ${id} ${id}=-`;
    }
  }

  /** A call that no application may make: both sides panic, and the session ends. */
  #breakRule(): void {
    const app = this.#choices.pick(this.#apps);
    const { storage } = app.member();
    const lines = [
      `compact ${app.id} ${storage.lastIndex() + 1}`,
      `snapshot ${app.id} ${storage.lastIndex() + 2} x -`,
      `restart ${app.id} applied=${storage.lastIndex() + 1}`,
      ...(app.async ? [`advance ${app.id}`] : []),
    ];
    this.#say(this.#choices.pick(lines));
  }
}

/** The session of this seed. */
export function generateSession(seed: number): PlayedSession {
  return new SessionGenerator(seed).run();
}
