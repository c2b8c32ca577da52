import process from 'node:process';

/** Stands before every line that is meant for the program that runs the suite. */
export const MARK = '\u0001';

/** What happened, in the order in which it did; a test that never ends is the last that began. */
export type SuiteEvent =
  | { readonly kind: 'begin' | 'pass'; readonly file: string; readonly title: string }
  | { readonly kind: 'fail'; readonly file: string; readonly title: string; readonly message: string }
  | { readonly kind: 'end' };

/**
 * A reporter of mocha, which calls it with `new`, that writes one line an event, at once: the process may hang or be
 * killed right after.
 */
export default function EventReporter(runner: Mocha.Runner): void {
  runner.on('test', (test) => write({ kind: 'begin', ...place(test) }));
  runner.on('pass', (test) => write({ kind: 'pass', ...place(test) }));
  runner.on('fail', (test, error: unknown) => {
    write({ kind: 'fail', ...place(test), message: error instanceof Error ? error.message : String(error) });
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
