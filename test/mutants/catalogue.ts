import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mutant, parseMutants } from './mutant.js';

/** Most seeds that a series may take, by how rare the order of events is that shows the mistake. */
export const BUDGETS = { easy: 100, medium: 2000, hard: 50_000 } as const;

/** A mistake of the catalogue: a patch of its own, or one of the ordinary patches under a name of the catalogue. */
export interface Listed extends Mutant {
  readonly budget: number;
}

/**
 * Reads the catalogue: the 48 mistakes that a simulator must find (`listed.txt`), and mistakes that others made
 * (`historic.txt`). Only the simulator judges them, so the tests need not notice each.
 * @param ordinary all other patches: an entry with `as:` stands for the one of that name
 * @throws Error naming file and line
 */
export function readCatalogue(folder: string, ordinary: readonly Mutant[]): Listed[] {
  const files = readdirSync(join(folder, 'catalogue')).filter((file) => file.endsWith('.txt'));
  return files
    .sort()
    .reverse()
    .flatMap((file) => parseMutants(readFileSync(join(folder, 'catalogue', file), 'utf8'), `catalogue/${file}`))
    .map((entry, _, all) => {
      const { as, rarity, name, area, where } = entry;
      const budget = BUDGETS[rarity as keyof typeof BUDGETS] as number | undefined;
      if (budget === undefined) throw new Error(`${where}: class is easy, medium or hard`);
      if (as === undefined) return { ...entry, budget };
      const named = [...ordinary, ...all].find((mutant) => mutant.name === as);
      if (named === undefined) throw new Error(`${where}: no patch is called ${as}`);
      return { ...named, name, area, where, budget };
    });
}
