import { type Argument, type Directive, parseDirectiveLine, ScriptAbort } from './directive.js';
import { dropCarriageReturn, exceedsScanner, SCANNER_LIMIT, splitLines, trimSpace } from './text.js';

const SEPARATOR = '----';

/** A blank line inside a command's output, which only the form with doubled separators can hold. */
const blankLine = /(?:^|\n)[\t ]*\n/;

interface Head {
  readonly line: number;
  readonly command: string;
  readonly args: readonly Argument[];
}

/**
 * Reads a script directive by directive and composes the same script again with other outputs: comments, blank lines,
 * commands and inputs stay as they are.
 */
export class ScriptReader {
  readonly #file: string;
  readonly #lines: readonly string[];
  /** Where the file has a line that Go's scanner cannot take, its number: reading ends before it. */
  readonly #overlong: number | undefined;
  #next = 0;
  #rewritten = '';

  constructor(file: string, text: string) {
    this.#file = file;
    const lines = splitLines(text);
    const overlong = lines.findIndex(exceedsScanner);
    this.#overlong = overlong < 0 ? undefined : overlong + 1;
    this.#lines = (overlong < 0 ? lines : lines.slice(0, overlong)).map(dropCarriageReturn);
  }

  /** Number of the line read last, from 1. */
  get line(): number {
    return this.#next;
  }

  /** The script so far, with the outputs that were given to `emitOutput`. */
  get rewritten(): string {
    const text = this.#rewritten;
    return text.length > 2 && text.endsWith('\n\n') ? text.slice(0, -1) : text;
  }

  #read(): string | undefined {
    const line = this.#lines[this.#next];
    if (line !== undefined) {
      this.#next++;
    }
    return line;
  }

  #emit(line: string): void {
    this.#rewritten += `${line}\n`;
  }

  /** The next command; `undefined` at the end of the script. */
  readHead(): Head | undefined {
    for (;;) {
      const raw = this.#read();
      if (raw === undefined) {
        this.#refuseOverlong();
        return undefined;
      }
      this.#emit(raw);
      const first = trimSpace(raw);
      if (first === '' || first.startsWith('#')) {
        continue;
      }
      const line = this.#next;
      try {
        return { line, ...parseDirectiveLine(this.#joinContinuations(first)) };
      } catch (error) {
        throw error instanceof ScriptAbort ? new LocatedAbort(line, error) : error;
      }
    }
  }

  /** The rest of a directive: its input and what it is expected to print. */
  readBody(head: Head): Directive {
    const input: string[] = [];
    let expected = '';
    for (;;) {
      const line = this.#read();
      if (line === undefined) {
        break;
      }
      if (line === SEPARATOR) {
        expected = this.#readExpected();
        break;
      }
      this.#emit(line);
      input.push(line);
    }
    this.#emit(SEPARATOR);
    return { file: this.#file, ...head, input: trimSpace(input.join('\n')), expected };
  }

  /** Writes a command's output where the old one stood. */
  emitOutput(output: string): void {
    if (!blankLine.test(output)) {
      this.#emit(output);
      return;
    }
    this.#emit(SEPARATOR);
    this.#rewritten += output;
    this.#emit(SEPARATOR);
    this.#emit(SEPARATOR);
    this.#emit('');
  }

  #joinContinuations(first: string): string {
    let line = first;
    while (line.endsWith('\\')) {
      const raw = this.#read();
      if (raw === undefined) {
        break;
      }
      this.#emit(raw);
      line = `${line.slice(0, -1)} ${trimSpace(raw)}`;
    }
    return line;
  }

  #readExpected(): string {
    const first = this.#read();
    if (first === SEPARATOR) {
      return this.#readDoubled();
    }
    let expected = '';
    for (let line = first; line !== undefined && trimSpace(line) !== ''; line = this.#read()) {
      expected += `${line}\n`;
    }
    return expected;
  }

  #readDoubled(): string {
    let expected = '';
    for (let line = this.#read(); line !== undefined; line = this.#read()) {
      if (line === SEPARATOR && this.#lines[this.#next] === SEPARATOR) {
        this.#read();
        const after = this.#read();
        if (after !== undefined && after !== '') {
          throw new LocatedAbort(
            this.#next,
            new ScriptAbort('non-blank line after end of double ---- separator section'),
          );
        }
        break;
      }
      expected += `${line}\n`;
    }
    return expected;
  }

  #refuseOverlong(): void {
    if (this.#overlong !== undefined) {
      throw new LocatedAbort(
        this.#overlong,
        new ScriptAbort(`the line has ${SCANNER_LIMIT} bytes or more: etcd's reader ends the file before it, silently`),
      );
    }
  }
}

/** An abort that knows its line. */
export class LocatedAbort extends ScriptAbort {
  readonly line: number;

  constructor(line: number, abort: ScriptAbort) {
    super(abort.message, { cause: abort.cause });
    this.line = line;
  }
}
