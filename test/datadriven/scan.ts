import { quoteBytes } from '@raft-ts/raft';
import { encodeText } from './text.js';

/** A text is not the number or truth value that it should be; the message is that of Go's `strconv`. */
export class ScanError extends Error {
  constructor(functionName: string, text: string, problem: 'invalid syntax' | 'value out of range') {
    super(`strconv.${functionName}: parsing ${quoteBytes(encodeText(text))}: ${problem}`);
    this.name = 'ScanError';
  }
}

const MAX_UINT64 = 2n ** 64n - 1n;
const MAX_INT64 = 2n ** 63n - 1n;

/** Go's `strconv.ParseUint` of base 10 and 64 bits. */
export function parseUint(text: string): bigint {
  if (!/^[0-9]+$/.test(text)) {
    throw new ScanError('ParseUint', text, 'invalid syntax');
  }
  const value = BigInt(text);
  if (value > MAX_UINT64) {
    throw new ScanError('ParseUint', text, 'value out of range');
  }
  return value;
}

function parseSigned(functionName: string, text: string): number {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    throw new ScanError(functionName, text, 'invalid syntax');
  }
  const magnitude = BigInt(text.replace(/^[+-]/, ''));
  const negative = text.startsWith('-');
  if (magnitude > MAX_INT64 + (negative ? 1n : 0n)) {
    throw new ScanError(functionName, text, 'value out of range');
  }
  return Number(negative ? -magnitude : magnitude);
}

/** Go's `strconv.ParseInt` of base 10 and 64 bits. */
export function parseInteger(text: string): number {
  return parseSigned('ParseInt', text);
}

/** Go's `strconv.Atoi`: the same numbers under another name in errors. */
export function atoi(text: string): number {
  return parseSigned('Atoi', text);
}

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** Go's `strconv.ParseBool`. */
export function parseBool(text: string): boolean {
  if (truths.has(text)) {
    return true;
  }
  if (falsehoods.has(text)) {
    return false;
  }
  throw new ScanError('ParseBool', text, 'invalid syntax');
}
