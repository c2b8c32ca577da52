import { RaftError } from '@raft-ts/proto';

/** A duty of `Ready`, or of what belongs to it, was not done. `StrictError.rule` says which. */
export const ERR_STRICT = 'ERR_RAFT_STRICT';

/** What to do instead, for each rule. `docs/strict.md` has a section for each, with the reason. */
const advice = {
  'saved-before-sent':
    'Write hardState, entries and snapshot of a Ready to storage, and wait until they are on disk, before its messages are sent.',
  'saved-before-advance': 'Write hardState, entries and snapshot of a Ready to storage before advance().',
  'no-gap': 'Append all entries of every Ready, in order.',
  'suffix-replaced':
    'Entries of a Ready replace stored ones of the same and of all higher indexes: remove those first.',
  'no-ready-skipped': 'Call advance() once the work of a Ready is done, and only then ask for the next one.',
  'advance-once': 'Call advance() exactly once for each Ready, after its work.',
  'changes-carried-out':
    'Call applyConfChangeEntry (or applyConfChange) for each membership change in committedEntries, before advance().',
  'snapshot-reported':
    'Let the transport call reportSnapshot once for each MsgSnap, whether it arrived or not: raft sends that member nothing until then.',
  'snapshot-reported-once': 'Report each MsgSnap that was sent exactly once.',
  'bytes-unchanged': 'Bytes belong to the log once they are proposed: propose a copy if the buffer is used again.',
  'answers-in-order':
    'Handle the messages for each storage thread in order, and step the responses of each once, when its work is done.',
  'never-advance':
    'With asyncStorageWrites, step the responses of the storage messages when their work is done; never call advance().',
  'local-messages-stay':
    'Messages to LOCAL_APPEND_THREAD and LOCAL_APPLY_THREAD are work for this member: they do not go to the transport.',
  'mode-as-configured':
    'Tell strict() what the member was configured with: asyncStorageWrites must be the same in Config and in its options.',
} as const;

/** Names a rule of strict mode. */
export type StrictRule = keyof typeof advice;

/** The names of all rules. */
export const STRICT_RULES: readonly StrictRule[] = Object.keys(advice) as StrictRule[];

/** A program around raft did not do what a Ready asks for. Its text says what it did; `advice` what to do instead. */
export class StrictError extends RaftError {
  readonly rule: StrictRule;
  readonly advice: string;
  /** Where the reason is explained, below the root of this project. */
  readonly see: string;

  constructor(rule: StrictRule, message: string) {
    const see = `docs/strict.md#${rule}`;
    super(ERR_STRICT, `${message}. ${advice[rule]} See ${see}`, { reason: rule });
    this.name = 'StrictError';
    this.rule = rule;
    this.advice = advice[rule];
    this.see = see;
  }
}
