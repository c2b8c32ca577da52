import type { Finding, Outcome } from '../run/run.js';

/** Sums over the runs of a call. */
export class Totals {
  runs = 0;
  events = 0;
  messages = 0;
  virtualMs = 0;
  committed = 0;
  elections = 0;
  reads = 0;
  readonly findings: Finding[] = [];
  private hash = 0n;

  add(outcome: Outcome): void {
    this.runs++;
    this.events += outcome.events;
    this.messages += outcome.messages;
    this.virtualMs += outcome.virtualMs;
    this.committed += outcome.committed;
    this.elections += outcome.elections;
    this.reads += outcome.reads;
    if (outcome.finding !== undefined) this.findings.push(outcome.finding);
    // Runs end in any order where several work at once, so the hashes are combined by a rule that knows no order.
    this.hash ^= BigInt.asUintN(64, BigInt(`0x${outcome.hash || '0'}`) * 0x9e3779b97f4a7c15n + BigInt(outcome.seed));
  }

  /** Stands for everything that happened in all runs, whatever order they ended in. */
  get combinedHash(): string {
    return this.hash.toString(16).padStart(16, '0');
  }
}

/** Returns a time in words, such as `2 h 05 min` or `3.2 s`. */
export function describeTime(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${(hours / 24).toFixed(1)} days`;
}

/** Returns a number with separators: 1,234,567. */
export function describeCount(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** @param cpuMs processor time, which says more than the clock on a machine that others use too */
export function describeTotals(totals: Totals, cpuMs: number): string {
  const rate = cpuMs > 0 ? totals.events / (cpuMs / 1000) : 0;
  return [
    `${describeCount(totals.runs)} runs, ${describeTime(totals.virtualMs)} of virtual time, ${describeCount(totals.events)} events, ` +
      `${describeCount(totals.messages)} messages`,
    `${describeCount(totals.elections)} elections, ${describeCount(totals.committed)} entries committed, ${describeCount(totals.reads)} reads answered`,
    `${describeCount(rate)} events for each second of processor time`,
    `hash ${totals.combinedHash}`,
  ].join('\n');
}

export function describeFinding(finding: Finding): string {
  return `seed ${finding.seed}, event ${finding.event}, at ${describeTime(finding.at)}: ${finding.rule}: ${finding.text}`;
}
