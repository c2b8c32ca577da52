import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { FREE_VAIN_REQUESTS, MAX_VAIN_PAUSE_MS, VAIN_PAUSE_MS } from '../base/limits.js';
import { Pauses } from '../base/pauses.js';

/**
 * Spaces out the requests to a member with which they are in vain until somebody has acted. Its TLS connections open,
 * and end without an answer: one of the two does not accept the other's certificate. Or it opens streams that must not
 * be used: it lacks the features that the cluster uses, or has another log or other founders. Each attempt costs both a
 * handshake or a stream that is closed again, and lines in their logs. A member that does not run, or is started again,
 * does not count: nothing opens there.
 */
export class Backoff {
  private readonly now: () => number;
  private count = 0;
  private pauseMs = 0;
  /** Until when nothing is sent, and why. */
  private until = 0;
  private error: unknown;
  private readonly pauses = new Pauses();

  /** @param now milliseconds of a clock that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** A connection opened, and brought no answer, or one that must not be used. */
  note(error: unknown): void {
    this.error = error;
    // Those that were under way at the same time count once.
    if (++this.count <= FREE_VAIN_REQUESTS || this.now() < this.until) return;
    this.pauseMs = Math.min(Math.max(VAIN_PAUSE_MS, 2 * this.pauseMs), MAX_VAIN_PAUSE_MS);
    this.until = this.now() + this.pauseMs;
  }

  /** The member has answered well or dialled, or has another address: the next attempt need not be in vain. */
  forget(): void {
    this.count = 0;
    this.pauseMs = 0;
    this.until = 0;
    this.pauses.wake();
  }

  /** @throws why the last request was refused, if it is too early for another one */
  check(): void {
    if (this.now() < this.until) throw this.error;
  }

  /** Resolves when the next request may be made, or the signal aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    const ms = this.until - this.now();
    if (ms > 0) await this.pauses.wait(ms, signal);
  }
}

/** Tells whether a request got as far as a TLS connection. */
export class Reached {
  private connected = false;

  /** The socket of the request. */
  take(socket: Socket): void {
    if (!(socket instanceof TLSSocket)) return;
    if (!socket.connecting) this.connected = true;
    else socket.once('connect', () => (this.connected = true));
  }

  get tls(): boolean {
    return this.connected;
  }
}
