import process from 'node:process';
import { type Message, messageName, type Storage } from '@raft-ts/raft';
import type { HttpTransport } from '@raft-ts/rafthttp';
import type { Replica } from '@raft-ts/replica';

/** How often a member looks whether there is something to tell, in milliseconds. */
const LOOK_MS = 100;
/** Entries at the end of the log whose terms are told. */
const TOLD_ENTRIES = 24;
/** Messages that are told of each look; of more, these are a sample. */
const TOLD_MESSAGES = 24;

/** A message that left, as it is told. */
export interface ToldMessage {
  readonly name: string;
  readonly type: number;
  readonly to: number;
  readonly term: number;
  readonly entries: number;
  readonly reject: boolean;
}

/** What a member tells its launcher while somebody watches. */
export interface Told {
  readonly role: string;
  readonly term: number;
  readonly vote: number;
  readonly leader: number;
  readonly commit: number;
  readonly applied: number;
  /** The first index that is still in the log, and the last one. */
  readonly first: number;
  readonly last: number;
  /** The terms of the last entries. */
  readonly terms: readonly number[];
  readonly voters: readonly number[];
  readonly sent: readonly ToldMessage[];
}

/** The end of the channel to the launcher: the process, unless a test brings its own. */
export interface Channel {
  readonly send?: ((message: object) => unknown) | undefined;
  readonly channel?: { unref(): void } | null | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

export interface TellingParts {
  readonly replica: Pick<Replica<unknown, unknown>, 'leadership' | 'status' | 'applied' | 'members'>;
  readonly storage: Pick<Storage, 'firstIndex' | 'lastIndex' | 'term'>;
  readonly transport: Pick<HttpTransport, 'send'> | undefined;
}

/**
 * Tells the launcher how this member is, over the channel that it was started with, from when it is asked to until it
 * is asked to stop. Costs nothing before and after: nothing is looked at, and nothing stands between raft and the
 * transport.
 */
export class Telling {
  private readonly parts: TellingParts;
  private readonly channel: Channel;
  private timer: NodeJS.Timeout | undefined;
  private untap: (() => void) | undefined;
  private sent: ToldMessage[] = [];
  private last = '';
  private readonly asked = (message: unknown): void => {
    const { tell } = (message ?? {}) as { readonly tell?: unknown };
    if (tell === true) this.begin();
    else if (tell === false) this.end();
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
    this.untap?.();
    this.untap = undefined;
  }

  /** Sees what is sent; the transport's own method is back in its place afterwards. */
  private tap(): () => void {
    const { transport } = this.parts;
    if (transport === undefined) return () => {};
    const send = transport.send.bind(transport);
    transport.send = (messages) => {
      for (const message of messages) if (this.sent.length < TOLD_MESSAGES) this.sent.push(toldMessage(message));
      send(messages);
    };
    return () => void Reflect.deleteProperty(transport, 'send');
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
    const { replica, storage } = this.parts;
    const { leader, role, term } = replica.leadership;
    const { hardState } = replica.status();
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    const from = Math.max(first, last - TOLD_ENTRIES + 1);
    const terms = Array.from({ length: Math.max(0, last - from + 1) }, (_, i) => storage.term(from + i));
    const voters = replica.members().filter((member) => member.role === 'voter');
    return {
      role: role.replace(/^State/u, ''),
      term,
      vote: Number(hardState.vote),
      leader: Number(leader),
      commit: hardState.commit,
      applied: replica.applied.index,
      first,
      last,
      terms,
      voters: voters.map(({ id }) => Number(id)),
      sent,
    };
  }
}

function toldMessage({ type, to, term, entries, reject }: Message): ToldMessage {
  return { name: messageName(type), type, to: Number(to), term, entries: entries.length, reject };
}
