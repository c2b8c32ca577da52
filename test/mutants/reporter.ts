import process from 'node:process';

/** Stands before every line that is meant for the program that runs the suite. */
export const MARK = '\u0001';

/** What happened, in the order in which it did; a test that never ends is the last that began. */
export type SuiteEvent =
  | { readonly kind: 'begin' | 'pass'; readonly file: string; readonly title: string }
  | { readonly kind: 'fail' | 'vain'; readonly file: string; readonly title: string; readonly message: string }
  | { readonly kind: 'end' };

/** How the tests' own means of waiting begin their errors when what they wait for never comes. */
const WAITED = /^(?:not within|too long while) /;

/** Did the test fail only because it waited too long? Then no assertion has noticed anything. */
export function waitedInVain(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === 'ERR_MOCHA_TIMEOUT' || (typeof message === 'string' && WAITED.test(message));
}

/**
 * A reporter of mocha, which calls it with `new`, that writes one line an event, at once: the process may hang or be
 * killed right after.
 */
export default function EventReporter(runner: Mocha.Runner): void {
  runner.on('test', (test) => write({ kind: 'begin', ...place(test) }));
  runner.on('pass', (test) => write({ kind: 'pass', ...place(test) }));
  runner.on('fail', (test, error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    write({ kind: waitedInVain(error) ? 'vain' : 'fail', ...place(test), message });
  });
  runner.once('end', () => write({ kind: 'end' }));
}

function place(test: Mocha.Runnable): { file: string; title: string } {
  return { file: test.file ?? test.parent?.file ?? '', title: test.fullTitle() };
}

// Into a pipe it writes before it returns. Tests may put something in its place.
const out = process.stdout.write.bind(process.stdout);

function write(event: SuiteEvent): void {
  out(`${MARK}${JSON.stringify(event)}\n`);
}
