import type { Clock, Leadership, Replica } from '@raft-ts/replica';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';
import type { Leases } from '../machine/leases.js';

/** A reading that is not committed within this time is followed by the next one, in milliseconds. */
const PATIENCE_MS = 2000;

export interface LeaseClockHost {
  readonly replica: Pick<Replica<KvCommand, KvResult>, 'watch' | 'propose'>;
  readonly leases: Pick<Leases, 'size' | 'readingMs' | 'onGrant'>;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
}

/** The time in which this member leads. */
interface Office {
  readonly term: number;
  /** When it began, by the monotonic clock. */
  readonly began: number;
  /** Has the present reading not come to an end? */
  underWay: boolean;
  /** The next reading, and when it is due. */
  next: { readonly at: number; readonly cancel: () => void } | undefined;
}

/**
 * Moves the replicated clock while this member leads and there are leases; without leases it writes nothing. A reading
 * is taken only after the one before was written or given up, on which the time of leases rests (see `Leases`). One
 * that is forwarded, because this member leads no more, says nothing: it stands in another term.
 */
export class LeaseClock {
  private readonly host: LeaseClockHost;
  private readonly unwatch: () => void;
  private office: Office | undefined;

  constructor(host: LeaseClockHost) {
    this.host = host;
    host.leases.onGrant = (readingMs) => this.schedule(readingMs);
    this.unwatch = host.replica.watch('leadership', (leadership) => this.onLeadership(leadership));
  }

  stop(): void {
    this.unwatch();
    this.host.leases.onGrant = () => {};
    this.leave();
  }

  private onLeadership({ leading, term }: Leadership): void {
    if (leading && this.office?.term === term) return;
    this.leave();
    if (!leading) return;
    this.office = { term, began: this.host.clock.monotonic(), underWay: false, next: undefined };
    this.schedule(0);
  }

  private leave(): void {
    this.office?.next?.cancel();
    this.office = undefined;
  }

  /** There is to be a reading after so many milliseconds, or earlier. */
  private schedule(afterMs: number): void {
    const { office } = this;
    const { leases, clock } = this.host;
    if (office === undefined || office.underWay || leases.size === 0) return;
    const at = clock.monotonic() + afterMs;
    if (office.next !== undefined && office.next.at <= at) return;
    office.next?.cancel();
    const cancel = clock.after(afterMs, () => {
      office.next = undefined;
      void this.read(office);
    });
    office.next = { at, cancel };
  }

  private async read(office: Office): Promise<void> {
    const { replica, clock, leases } = this.host;
    office.underWay = true;
    const ms = Math.floor(clock.monotonic() - office.began);
    try {
      await replica.propose({ op: 'clock', ms, term: office.term }, { timeoutMs: PATIENCE_MS });
    } catch {
      // Time passes more slowly: the next reading makes up for it, unless another member leads by then.
    } finally {
      office.underWay = false;
    }
    if (this.office === office) this.schedule(leases.readingMs);
  }
}
