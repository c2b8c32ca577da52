import { hasCode } from './errors.js';

/** Number of attempts before a missing file is an error. */
const ATTEMPTS = 5;

/**
 * Runs a read of a folder that a writer may be using, and repeats it if a file is missing: the writer may remove files
 * between the moment they are listed and the moment they are opened.
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
