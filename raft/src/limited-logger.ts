import type { Logger } from './logger.js';

/** Most lines of one kind that pass in a period; an election among many members has no more. */
const LINES_PER_KIND = 16;

/** Most kinds that are told apart in a period; a member has about fifty. */
const MAX_KINDS = 256;

/** Lines are of one kind if their first words are the same, which only raft chooses. */
const WORDS = 6;
const LOOKED_AT = 256;

type Level = 'info' | 'warn' | 'error';

interface Kind {
  readonly level: Level;
  lines: number;
  last: string;
}

/**
 * A logger that passes on a few lines of each kind per period of ticks, and then says how many it left out. etcd logs
 * single messages, so whoever can send messages could fill a disk with lines, and hide the one that matters. Each kind
 * has its own share. `debug` passes unlimited, because somebody asked for it.
 *
 * `startNode`, `restartNode` and `joinNode` put one around the logger of their `Config`. A program that drives a
 * `RawNode` may do so itself, and then calls `tick()` whenever it ticks the member.
 */
export class LimitedLogger implements Logger {
  private readonly logger: Logger;
  private readonly period: number;
  private ticks = 0;
  private kinds = new Map<string, Kind>();

  /** @param period in ticks */
  constructor(logger: Logger, period: number) {
    this.logger = logger;
    this.period = period;
  }

  get debugEnabled(): boolean {
    return this.logger.debugEnabled;
  }

  debug(message: string): void {
    this.logger.debug(message);
  }

  info(message: string): void {
    this.say('info', message);
  }

  warn(message: string): void {
    this.say('warn', message);
  }

  error(message: string): void {
    this.say('error', message);
  }

  /** Moves time on by one tick. */
  tick(): void {
    if (++this.ticks < this.period) return;
    this.ticks = 0;
    const ended = this.kinds;
    this.kinds = new Map();
    for (const { level, lines, last } of ended.values()) {
      if (lines > LINES_PER_KIND) this.logger[level](`${lines - LINES_PER_KIND} more lines like this one: ${last}`);
    }
  }

  private say(level: Level, message: string): void {
    const kind = this.kindOf(level, message);
    if (++kind.lines <= LINES_PER_KIND) this.logger[level](message);
    else kind.last = message;
  }

  private kindOf(level: Level, message: string): Kind {
    const name = `${level} ${wordsOf(message)}`;
    const known = this.kinds.get(name);
    if (known !== undefined) return known;
    const isOneTooMany = this.kinds.size >= MAX_KINDS;
    const shared = isOneTooMany ? this.kinds.get(level) : undefined;
    if (shared !== undefined) return shared;
    const kind = { level, lines: 0, last: message };
    this.kinds.set(isOneTooMany ? level : name, kind);
    return kind;
  }
}

/** The first words of a line, without ids and numbers, which are hexadecimal: they have no letter beyond f. */
function wordsOf(message: string): string {
  const words = message.slice(0, LOOKED_AT).split(/[^A-Za-z]/u);
  return words
    .filter((word) => /[g-z]/iu.test(word))
    .slice(0, WORDS)
    .join(' ');
}
