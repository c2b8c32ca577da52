import type { Logger } from '@raft-ts/raft';
import { dropCarriageReturn, exceedsScanner, splitLines } from '../datadriven/text.js';
import { CommandError } from './errors.js';

/** Log levels by rising severity; a level shows itself and what is above. At NONE nothing at all is printed. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a command prints: its own words and the log lines of the nodes, in the order in which they happen. */
export class OutputBuffer implements Logger {
  level: LogLevel = 'DEBUG';
  #text = '';

  get text(): string {
    return this.#text;
  }

  clear(): void {
    this.#text = '';
  }

  get silent(): boolean {
    return this.level === 'NONE';
  }

  /** Sets the level by its name, in any case. */
  setLevel(name: string): void {
    const level = LOG_LEVELS.find((candidate) => candidate === name.toUpperCase());
    if (level === undefined) {
      throw new CommandError(`log levels must be either of [${LOG_LEVELS.join(' ')}]`);
    }
    this.level = level;
  }

  write(text: string): void {
    if (!this.silent) {
      this.#text += text;
    }
  }

  /** Prints what `block` prints with two blanks before each line, even if it throws. */
  indented(block: () => void): void {
    const before = this.#text;
    this.#text = '';
    try {
      block();
    } finally {
      const lines = splitLines(this.#text);
      const overlong = lines.findIndex(exceedsScanner);
      const kept = overlong < 0 ? lines : lines.slice(0, overlong);
      this.#text = before + kept.map((line) => `  ${dropCarriageReturn(line)}\n`).join('');
    }
  }

  #log(level: LogLevel, message: string): void {
    if (LOG_LEVELS.indexOf(this.level) <= LOG_LEVELS.indexOf(level)) {
      this.write(`${level} ${message}\n`);
    }
  }

  get debugEnabled(): boolean {
    return this.level === 'DEBUG';
  }

  debug(message: string): void {
    this.#log('DEBUG', message);
  }

  info(message: string): void {
    this.#log('INFO', message);
  }

  warn(message: string): void {
    this.#log('WARN', message);
  }

  error(message: string): void {
    this.#log('ERROR', message);
  }
}
