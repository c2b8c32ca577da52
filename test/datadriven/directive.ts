import { byteLength, trimSpace } from './text.js';

/** One argument of a directive: `name`, `name=value` or `name=(value, value)`. */
export interface Argument {
  readonly key: string;
  /** Empty for a bare name; `name=` has one empty value. */
  readonly values: readonly string[];
}

/** One command of a script, with what follows it up to the next. */
export interface Directive {
  readonly file: string;
  /** Line of the command, from 1. */
  readonly line: number;
  readonly command: string;
  readonly args: readonly Argument[];
  /** The lines between the command and `----`, trimmed. */
  readonly input: string;
  /** What the file says that the command prints; every line ends in a newline. */
  readonly expected: string;
}

/**
 * The script cannot go on: etcd's harness ends the test, or panics. Ours says where and why and leaves the rest of the
 * file alone.
 */
export class ScriptAbort extends Error {
  constructor(reason: string, options: { cause?: unknown } = {}) {
    super(reason, options);
    this.name = 'ScriptAbort';
  }
}

/** The values of a parenthesised list, which begins right after `(`, and what follows its `)`. */
function parseList(rest: string): { values: string[]; rest: string } | undefined {
  const values: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < rest.length; at++) {
    const character = rest[at];
    if (character === '(') {
      depth++;
    } else if (character === ')' && depth > 0) {
      depth--;
    } else if (character === ')') {
      values.push(rest.slice(start, at));
      return { values, rest: rest.slice(at + 1) };
    } else if (character === ',' && depth === 0) {
      values.push(rest.slice(start, at));
      while (rest[at + 1] === ' ') {
        at++;
      }
      start = at + 1;
    }
  }
  return undefined;
}

/** One argument at the beginning of `text`, and what follows it; if it is malformed, what could not be parsed. */
function parseArgument(text: string): { argument: Argument; rest: string } | { malformed: string } {
  const end = text.search(/[ =]/);
  if (end < 0) {
    return { argument: { key: text, values: [] }, rest: '' };
  }
  const key = text.slice(0, end);
  if (key === '') {
    return { malformed: text };
  }
  if (text[end] === ' ') {
    return { argument: { key, values: [] }, rest: text.slice(end) };
  }
  const value = text.slice(end + 1);
  if (value.startsWith('(')) {
    const list = parseList(value.slice(1));
    return list === undefined ? { malformed: value } : { argument: { key, values: list.values }, rest: list.rest };
  }
  const blank = value.indexOf(' ');
  const length = blank < 0 ? value.length : blank;
  return { argument: { key, values: [value.slice(0, length)] }, rest: value.slice(length) };
}

/**
 * The command and arguments of a directive's line, which is trimmed and joined with its continuations.
 * @throws ScriptAbort if it is malformed
 */
export function parseDirectiveLine(line: string): { command: string; args: Argument[] } {
  const blank = line.indexOf(' ');
  if (blank < 0) {
    return { command: line, args: [] };
  }
  const args: Argument[] = [];
  let rest = trimSpace(line.slice(blank));
  while (rest !== '') {
    const parsed = parseArgument(rest);
    if ('malformed' in parsed) {
      const column = byteLength(line) - byteLength(parsed.malformed) + 1;
      throw new ScriptAbort(`cannot parse directive at column ${column}: ${line}`);
    }
    args.push(parsed.argument);
    rest = trimSpace(parsed.rest);
  }
  return { command: line.slice(0, blank), args };
}

/** An argument as etcd's harness prints it in its complaints. */
export function describeArgument(argument: Argument): string {
  const { key, values } = argument;
  if (values.length === 0) {
    return key;
  }
  return values.length === 1 ? `${key}=${values[0]}` : `${key}=(${values.join(', ')})`;
}

/**
 * The one value of an argument that must be there, converted.
 * @throws ScriptAbort if it is missing, has another number of values, or cannot be converted
 */
export function scanArgument<T>(directive: Directive, key: string, convert: (text: string) => T): T {
  const argument = directive.args.find((candidate) => candidate.key === key);
  if (argument === undefined) {
    throw new ScriptAbort(`missing argument: ${key}`);
  }
  const [value] = argument.values;
  if (value === undefined || argument.values.length !== 1) {
    throw new ScriptAbort(`${key}: got 1 destinations, but ${argument.values.length} values`);
  }
  try {
    return convert(value);
  } catch (error) {
    throw new ScriptAbort(`${key}: failed to scan argument 0: ${(error as Error).message}`, { cause: error });
  }
}
