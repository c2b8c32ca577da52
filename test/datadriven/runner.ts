import { type Directive, ScriptAbort } from './directive.js';
import { LocatedAbort, ScriptReader } from './reader.js';

/** Carries out one directive and returns what it prints. */
export type Handler = (directive: Directive) => string;

/** A directive that printed something else than its script says. */
export interface Difference {
  readonly directive: Directive;
  readonly actual: string;
}

/** Where and why a script could not go on. */
export interface Aborted {
  readonly line: number;
  readonly reason: string;
  readonly cause: unknown;
}

export interface ScriptRun {
  readonly file: string;
  /** The script with the outputs that were produced; up to the abort, if there was one. */
  readonly produced: string;
  /** How many directives were carried out. */
  readonly directives: number;
  readonly differences: readonly Difference[];
  readonly aborted: Aborted | undefined;
}

/** Names of the subtests that enclose the current line, outermost first. */
class Subtests {
  readonly #open: string[] = [];

  /** A `subtest` line: opens a group, or closes the innermost one. */
  step(args: readonly string[]): void {
    const current = this.#open.at(-1);
    const [first, second] = args;
    if (current !== undefined && first === 'end') {
      if (args.length > 2) {
        throw new ScriptAbort('invalid syntax for subtest end');
      }
      if (second !== undefined && second !== current) {
        throw new ScriptAbort(`mismatched subtest end directive: expected "${second}", got "${current}"`);
      }
      this.#open.pop();
      return;
    }
    if (first === undefined || args.length !== 1) {
      throw new ScriptAbort('invalid syntax for subtest');
    }
    if (first === 'end') {
      throw new ScriptAbort('subtest end without corresponding start');
    }
    if (current !== undefined && !first.startsWith(`${current}/`)) {
      throw new ScriptAbort(`name of nested subtest must begin with "${current}/"`);
    }
    this.#open.push(first);
  }

  finish(): void {
    if (this.#open.length > 0) {
      throw new ScriptAbort(`EOF encountered without subtest end directive of "${this.#open.at(-1)}"`);
    }
  }
}

/**
 * Runs a script of the datadriven format. A difference does not end it: what a command prints has no influence on the
 * commands after it.
 * @param file a name for messages
 * @param text the script, decoded with `decodeText`
 */
export function runScript(file: string, text: string, handle: Handler): ScriptRun {
  const reader = new ScriptReader(file, text);
  const subtests = new Subtests();
  const differences: Difference[] = [];
  let directives = 0;
  let line = 1;
  let aborted: Aborted | undefined;
  try {
    for (;;) {
      const head = reader.readHead();
      if (head === undefined) {
        subtests.finish();
        break;
      }
      line = head.line;
      if (head.command === 'subtest') {
        subtests.step(head.args.map((argument) => argument.key));
        continue;
      }
      const directive = reader.readBody(head);
      const output = handle(directive);
      const actual = output === '' || output.endsWith('\n') ? output : `${output}\n`;
      directives++;
      if (actual !== directive.expected) {
        differences.push({ directive, actual });
      }
      reader.emitOutput(actual);
    }
  } catch (error) {
    aborted = {
      line: error instanceof LocatedAbort ? error.line : line,
      reason: error instanceof Error ? error.message : String(error),
      cause: error,
    };
  }
  return { file, produced: reader.rewritten, directives, differences, aborted };
}

/** The directives of a script without running any: for looking at what it is. Ends at the first malformed line. */
export function* listDirectives(file: string, text: string): Generator<Directive> {
  const reader = new ScriptReader(file, text);
  try {
    for (let head = reader.readHead(); head !== undefined; head = reader.readHead()) {
      if (head.command !== 'subtest') {
        yield reader.readBody(head);
      }
    }
  } catch (error) {
    if (!(error instanceof ScriptAbort)) {
      throw error;
    }
  }
}
