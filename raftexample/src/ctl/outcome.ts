import { quoteText } from '@raft-ts/proto';
import type { TransactionOutcome, WriteOutcome } from '../client/index.js';
import { type CtlContext, print, tell, textOf, type Values } from './command.js';
import { CtlExit } from './exit-codes.js';

export const onceHelp = `  --once NAME       carry it out once under this name, which nothing else has, however often it is asked for:
                    after exit code 4 the same may be asked for again
`;

/** The name of a write. */
export function onceOf(values: Values): string | undefined {
  return textOf(values, 'once');
}

/** Says what became of a write. */
export async function sayOutcome(context: CtlContext, outcome: WriteOutcome | TransactionOutcome): Promise<number> {
  switch (outcome.outcome) {
    case 'done':
      await print(context, outcome, `done, index ${outcome.index}\n`);
      return CtlExit.Done;
    case 'condition-failed': {
      const { current } = outcome;
      const key = 'key' in outcome ? `key ${quoteText(outcome.key)}` : 'key';
      const is = current === 0 ? `there is no such ${key}` : `the version of the ${key} is ${current}`;
      await print(context, outcome, '');
      await tell(context, `not done: the condition failed: ${is}`);
      return CtlExit.Condition;
    }
    default: {
      const { outcome: kind, error } = outcome;
      const { code, reason, message } = error;
      await print(context, { outcome: kind, code, reason, message }, '');
      await tell(
        context,
        kind === 'unknown'
          ? `it is not known whether it was carried out, or will be: ${message}`
          : `not done, and nothing happened: ${message}`,
      );
      return kind === 'unknown' ? CtlExit.Unknown : CtlExit.NotDone;
    }
  }
}
