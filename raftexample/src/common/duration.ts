import { UsageError } from './usage.js';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** Parses a time such as 100ms, 5s or 2m; returns milliseconds. @throws UsageError that names the flag */
export function parseDuration(flag: string, text: string): number {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/u.exec(text) ?? [];
  const ms = Number(digits) * (units[unit ?? ''] ?? Number.NaN);
  if (ms >= 1 && ms <= 3_600_000) return Math.round(ms);
  throw new UsageError(`${flag} wants a time from 1ms to 60m, such as 100ms or 5s, not '${text}'`);
}
