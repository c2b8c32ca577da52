import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects garbage now. V8 lets a heap grow to a multiple of what was left by the last collection before it looks for
 * more, so a large state that was dropped would stay beside the one that takes its place.
 */
export function collectGarbage(): void {
  // Whoever starts Node.js with this flag has the function; V8 gives it to each context that is made once it is set.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
  // The first one leaves it to other threads to give memory back, the second waits for them.
  collect();
}
