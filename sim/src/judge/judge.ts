/** Whether one order explains a whole history, asked of two judges that share nothing but the history. */
import { judgeByIndex } from './index-judge.js';
import type { Operation } from './operation.js';
import { byKey, judgeBySearch } from './search-judge.js';

/** Findings of one kind beyond these say nothing new. */
const SHOWN = 10;

/**
 * Returns what both judges find in all of a history, and how long the search was.
 * @param patience after so many steps for a key the search gives up, and the other judge alone has judged it. Without
 * it a search that takes too long is a finding
 */
export function judge(
  history: readonly Operation[],
  patience?: number,
): { findings: string[]; keys: number; steps: number } {
  const bySearch: string[] = [];
  const keys = byKey(history);
  let steps = 0;
  for (const [key, operations] of keys) {
    const { verdict, at, steps: taken } = judgeBySearch(operations, patience);
    steps += taken;
    if (verdict === 'illegal' || (verdict === 'unknown' && patience === undefined))
      bySearch.push(`the search calls ${key} ${verdict} after ${taken} steps: ${at ?? ''}`);
  }
  const findings = [...judgeByIndex(history).slice(0, SHOWN), ...bySearch.slice(0, SHOWN)];
  return { findings, keys: keys.size, steps };
}
