import process from 'node:process';
import { type Message, messageName, type Status, type Storage } from '@raft-ts/raft';
import type { HttpTransport } from '@raft-ts/rafthttp';
import type { Fate, Fault, Told, ToldMessage } from './told.js';

/** How often a member looks whether there is something to tell, in milliseconds. */
const LOOK_MS = 100;
/** Entries at the end of the log whose terms are told. */
const TOLD_ENTRIES = 24;
/** Messages that are told of each look; of more, these are a sample. */
const TOLD_MESSAGES = 24;
/** Faults that wait for their message at once. */
const MAX_FAULTS = 16;

/** The end of the channel to the launcher: the process, unless a test brings its own. */
export interface Channel {
  readonly send?: ((message: object) => unknown) | undefined;
  readonly channel?: { unref(): void } | null | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

export interface TellingParts {
  readonly status: () => Status;
  /** Index up to which the member has applied. */
  readonly applied: () => number;
  readonly storage: Pick<Storage, 'firstIndex' | 'lastIndex' | 'term'>;
  readonly transport: Pick<HttpTransport, 'send'> | undefined;
}

/**
 * Tells the launcher how this member is, over the channel that it was started with, and loses or delays the messages
 * that it names, from when it is asked to tell until it is asked to stop. Costs nothing before and after: nothing is
 * looked at, and nothing stands between raft and the transport.
 */
export class Telling {
  private readonly parts: TellingParts;
  private readonly channel: Channel;
  private timer: NodeJS.Timeout | undefined;
  private untap: (() => void) | undefined;
  private sent: ToldMessage[] = [];
  private faults: Fault[] = [];
  private last = '';
  private readonly asked = (message: unknown): void => {
    const { tell, fault } = (message ?? {}) as { readonly tell?: unknown; readonly fault?: Fault };
    if (tell === true) this.begin();
    else if (tell === false) this.end();
    else if (fault !== undefined && this.timer !== undefined) this.faults = [...this.faults, fault].slice(-MAX_FAULTS);
  };

  constructor(parts: TellingParts, channel: Channel = process) {
    this.parts = parts;
    this.channel = channel;
  }

  /** Listens to the launcher, if there is one. */
  start(): void {
    const { channel } = this;
    if (channel.send === undefined) return;
    channel.on('message', this.asked);
    // Listening would make the channel keep the process alive.
    channel.channel?.unref();
    channel.send({ listening: true });
  }

  stop(): void {
    this.channel.off('message', this.asked);
    this.end();
  }

  private begin(): void {
    if (this.timer !== undefined) return;
    this.last = '';
    this.untap = this.tap();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  private end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.faults = [];
    this.untap?.();
    this.untap = undefined;
  }

  /** Sees what is sent; the transport's own method is back in its place afterwards. */
  private tap(): () => void {
    const { transport } = this.parts;
    if (transport === undefined) return () => {};
    const send = transport.send.bind(transport);
    transport.send = (messages) => {
      const arriving = messages.filter((message) => this.passes(message, send));
      if (arriving.length > 0) send(arriving);
    };
    return () => void Reflect.deleteProperty(transport, 'send');
  }

  /** Notes a message, and does to it what was asked for. Returns whether it is sent now. */
  private passes(message: Message, send: HttpTransport['send']): boolean {
    const name = messageName(message.type);
    const place = this.faults.findIndex((one) => isMeant(one, message, name));
    if (place < 0) {
      this.note(message, name, undefined);
      return true;
    }
    const [{ delayMs }] = this.faults.splice(place, 1) as [Fault];
    this.note(message, name, delayMs === undefined ? 'lost' : 'late');
    if (delayMs !== undefined) setTimeout(() => send([message]), delayMs).unref();
    return false;
  }

  private note({ type, to, term, entries, reject }: Message, name: string, fate: Fate | undefined): void {
    if (this.sent.length >= TOLD_MESSAGES && fate === undefined) return;
    const told = { name, type, to: Number(to), term, entries: entries.length, reject };
    this.sent.push(fate === undefined ? told : { ...told, fate });
  }

  private look(): void {
    const { sent } = this;
    this.sent = [];
    const told = this.describe(sent);
    const text = JSON.stringify(told);
    if (text === this.last && sent.length === 0) return;
    this.last = text;
    this.channel.send?.({ told });
  }

  private describe(sent: readonly ToldMessage[]): Told {
    const { storage } = this.parts;
    const { hardState, softState, election, config } = this.parts.status();
    const { elapsed, timeout } = election;
    const votes = [...election.votes.values()];
    const granted = votes.filter((isGranted) => isGranted).length;
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    const from = Math.max(first, last - TOLD_ENTRIES + 1);
    return {
      role: softState.raftState.replace(/^State/u, ''),
      term: hardState.term,
      vote: Number(hardState.vote),
      leader: Number(softState.lead),
      elapsed,
      timeout,
      granted,
      refused: votes.length - granted,
      commit: hardState.commit,
      applied: this.parts.applied(),
      first,
      last,
      terms: Array.from({ length: Math.max(0, last - from + 1) }, (_, i) => storage.term(from + i)),
      voters: config.confState().voters.map(Number),
      sent,
    };
  }
}

/** A snapshot is never meant: raft waits for what becomes of one, and a transport always reports that. */
function isMeant(fault: Fault, message: Message, name: string): boolean {
  if (fault.to !== Number(message.to) || name === 'MsgSnap') return false;
  return fault.message === undefined || fault.message === name;
}
