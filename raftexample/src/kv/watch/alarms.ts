import type { Clock } from '@raft-ts/replica';

/** What a member warns of before it fails. */
export type AlarmKind = 'disk' | 'sync' | 'loop' | 'certificate';

export const alarmKinds: readonly AlarmKind[] = ['disk', 'sync', 'loop', 'certificate'];

/** Something that is going to end a member, or to make it slow, unless somebody does something about it. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** What is the matter, and what to do. */
  readonly text: string;
}

export interface AlarmsHost {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: { info(text: string): unknown; warn(text: string): unknown };
}

/** As long as an alarm lasts, it is told again after so many milliseconds. */
const REMIND_MS = 600_000;
/** An alarm that comes and goes is told no more often than this. */
const LEAST_MS = 60_000;

/** The alarms of a member: those that last, and how often its log hears of them. */
export class Alarms {
  private readonly host: AlarmsHost;
  private readonly lasting = new Map<AlarmKind, string>();
  /** When each was told last. */
  private readonly told = new Map<AlarmKind, number>();
  /** Those of which the log knows that they last. */
  private readonly known = new Set<AlarmKind>();

  constructor(host: AlarmsHost) {
    this.host = host;
  }

  /** Those that last now. */
  list(): readonly Alarm[] {
    return alarmKinds.flatMap((kind) => {
      const text = this.lasting.get(kind);
      return text === undefined ? [] : [{ kind, text }];
    });
  }

  has(kind: AlarmKind): boolean {
    return this.lasting.has(kind);
  }

  /** It is so, or still so: the newest text counts. */
  raise(kind: AlarmKind, text: string): void {
    this.lasting.set(kind, text);
    const now = this.host.clock.monotonic();
    const last = this.told.get(kind) ?? Number.NEGATIVE_INFINITY;
    if (now - last < (this.known.has(kind) ? REMIND_MS : LEAST_MS)) return;
    this.told.set(kind, now);
    this.known.add(kind);
    this.host.log.warn(text);
  }

  /** It is over. */
  clear(kind: AlarmKind, text: string): void {
    this.lasting.delete(kind);
    if (this.known.delete(kind)) this.host.log.info(text);
  }
}
