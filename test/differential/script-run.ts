import { RaftPanic } from '@raft-ts/raft';
import { ScriptAbort } from '../datadriven/directive.js';
import { runScript } from '../datadriven/runner.js';
import { interactionHandler } from '../interaction/environment.js';
import { type Script, scriptText } from './script-generator.js';

/** How a script ended on this side. */
export type ScriptEnd =
  | 'end'
  /** It could not go on: a broken invariant, whose text is etcd's. */
  | { readonly panic: string }
  /** It could not go on for a reason of the harness: a command that makes no sense here. */
  | 'aborted'
  /** It would never end: the other side cannot be asked. */
  | 'endless';

export interface PlayedScript {
  /** What each command printed, as `script.go` answers it. */
  readonly outputs: string;
  readonly commands: number;
  readonly end: ScriptEnd;
}

/** Carries out a script on this side. */
export function playScript(script: Script): PlayedScript {
  const handle = interactionHandler();
  let outputs = '';
  const run = runScript('script', scriptText(script), (directive) => {
    const output = handle(directive);
    outputs += `#\n${output}\n`;
    return output;
  });
  return { outputs, commands: run.directives, end: endOf(run.aborted?.cause) };
}

function endOf(cause: unknown): ScriptEnd {
  if (cause === undefined) return 'end';
  if (cause instanceof RaftPanic && cause.rule !== 'invariant') return { panic: cause.message };
  if (!(cause instanceof ScriptAbort)) {
    // Errors that this side raises when etcd's core panics with another text, or with none of its own.
    if (cause instanceof Error && 'code' in cause) return 'aborted';
    throw new Error('this side failed', { cause });
  }
  return cause.message.startsWith('stabilize does not come to rest') ? 'endless' : 'aborted';
}

/** Does this answer of the other side say the same? */
export function sameScript({ outputs, end }: PlayedScript, answer: string): boolean {
  if (!answer.startsWith(outputs)) return false;
  const rest = answer.slice(outputs.length);
  if (end === 'end') return rest === 'end\n';
  if (typeof end === 'string') return rest === 'fatal\n' || rest.startsWith('panic: ');
  // A run-time panic of Go's is what this side guards with a rule of its own.
  return rest === `panic: ${end.panic}\n` || rest.startsWith('panic: runtime error');
}
