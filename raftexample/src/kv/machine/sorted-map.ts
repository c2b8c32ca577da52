import sorted from 'sorted-btree';
import { compareKeys } from './key-order.js';

/** A map in the order of its keys. A copy takes no time: both share their nodes until one is written to. */
export type SortedMap<V> = sorted.default<string, V>;

export function newSortedMap<V>(): SortedMap<V> {
  // The package is CommonJS, whose default export a module of ours sees by its name.
  return new sorted.default<string, V>(undefined, compareKeys);
}
