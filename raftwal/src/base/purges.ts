import { hasCode } from './errors.js';

/** So often in a row a reader may meet a writer that removes files. */
const ATTEMPTS = 5;

/**
 * Reads a folder that a writer may be using: it removes files that it does not need any more, also some that the reader has
 * listed and not opened yet. Then the reader begins again.
 */
export async function despitePurges<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (attempt === ATTEMPTS || !hasCode(error, 'ENOENT')) throw error;
    }
  }
}
