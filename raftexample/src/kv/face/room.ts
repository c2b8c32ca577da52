import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerText } from './answers.js';
import type { Slots } from './slots.js';

/** What memory is held for: a request that is being read, or a response that is being sent. */
export interface Owner {
  readonly closed: boolean;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

interface Holder {
  readonly owner: Owner;
  readonly size: number;
  readonly since: number;
}

interface Waiter {
  readonly owner: Owner;
  readonly size: number;
  readonly resolve: (release: () => void) => void;
}

/** So much of a body or of an answer is free: of that, all connections together hold little. */
export const FREE_BYTES: number = 16 * 1024;

/**
 * Memory that is held for clients, bounded. Whoever wants more than there is waits until others have given theirs back:
 * honest clients do within milliseconds. Whoever holds some for longer than `patienceMs` while others wait loses his
 * connection, the longest first, so that clients who send or read too slowly keep nobody out.
 */
export class Room {
  private readonly limit: number;
  private readonly patienceMs: number;
  /** In the order in which they came. */
  private readonly holders = new Set<Holder>();
  private readonly waiters = new Set<Waiter>();
  private used = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(limit: number, patienceMs: number) {
    this.limit = limit;
    this.patienceMs = patienceMs;
  }

  /**
   * Resolves once there is room for so many bytes, or the owner has gone, with what gives it back; an owner that closes
   * gives it back too.
   */
  async take(owner: Owner, size: number): Promise<() => void> {
    if (size <= FREE_BYTES || owner.closed) return () => {};
    // What is larger than all of it is held alone.
    const wanted = Math.min(size, this.limit);
    if (this.waiters.size === 0 && this.used + wanted <= this.limit) return this.hold(owner, wanted);
    return new Promise((resolve) => {
      const waiter = { owner, size: wanted, resolve };
      this.waiters.add(waiter);
      owner.once('close', () => {
        if (!this.waiters.delete(waiter)) return;
        resolve(() => {});
        this.grant();
      });
      this.watch();
    });
  }

  private hold(owner: Owner, size: number): () => void {
    const holder = { owner, size, since: performance.now() };
    this.holders.add(holder);
    this.used += size;
    const release = (): void => {
      if (!this.holders.delete(holder)) return;
      this.used -= size;
      this.grant();
    };
    owner.once('close', release);
    return release;
  }

  private grant(): void {
    for (const waiter of this.waiters) {
      if (this.used + waiter.size > this.limit) return;
      this.waiters.delete(waiter);
      waiter.resolve(this.hold(waiter.owner, waiter.size));
    }
  }

  /** Cuts who holds the most room for the longest, for as long as somebody waits. */
  private watch(): void {
    const [oldest] = this.holders;
    if (this.timer !== undefined || this.waiters.size === 0 || oldest === undefined) return;
    const due = oldest.since + this.patienceMs - performance.now();
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        const [still] = this.holders;
        if (this.waiters.size > 0 && still === oldest) oldest.owner.destroy();
        // What was cut gives its room back in a later turn.
        setImmediate(() => this.watch());
      },
      Math.max(0, due),
    ).unref();
  }
}

/** The memory of one face. */
export interface Rooms {
  readonly bodies: Room;
  readonly answers: Room;
  /** Answers whose text is made one at a time. */
  readonly texts: Slots;
}

const rooms = new WeakMap<Socket, Rooms>();

/** Says which face a connection belongs to. */
export function placeIn(socket: Socket, of: Rooms): void {
  rooms.set(socket, of);
}

/** The memory for requests and answers on this connection; `undefined` if it is closed, or belongs to no face. */
export function roomsOf(socket: Socket | null): Rooms | undefined {
  return socket === null ? undefined : rooms.get(socket);
}

/** Answers with JSON that may be large, once there is room for it. Its route has slots, because the text waits too. */
export async function answerLarge(response: ServerResponse, text: string): Promise<void> {
  await roomsOf(response.socket)?.answers.take(response, text.length);
  answerText(response, 200, text, 'application/json');
}

/**
 * Answers with JSON of values that have so many characters. Any number of such answers may be due at the same moment,
 * and must not be refused: what they stand for is done. So the text of each is made when there is room for it, in a
 * turn of its own.
 */
export async function answerInTurn(response: ServerResponse, size: number, make: () => string): Promise<void> {
  if (response.destroyed) return;
  const place = roomsOf(response.socket);
  if (place === undefined || size <= FREE_BYTES) {
    answerText(response, 200, make(), 'application/json');
    return;
  }
  await place.texts.run(response, async () => {
    const release = await place.answers.take(response, size);
    if (response.destroyed) return;
    const text = make();
    // JSON spells some characters with six. Whoever held one part of its room while it waits for another might wait for
    // itself.
    release();
    await answerLarge(response, text);
  });
}
