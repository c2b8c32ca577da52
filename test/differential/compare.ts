import { type PlayedSession, Recorder, SessionCrash } from './recorder.js';
import { type Script, scriptText } from './script-generator.js';
import { type PlayedScript, sameScript } from './script-run.js';

/** How the answer of a side begins that died of the question. */
export const DEATH = 'the other side died: ';

/** What the other side made of an input that this side refused. */
export type Followed = 'panic' | 'followed' | 'ignored';

/** Where the two sides part. */
export interface Difference {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
}

export interface SessionVerdict {
  readonly difference: Difference | undefined;
  /** For each refused input, in order. */
  readonly followed: readonly Followed[];
}

/** The lines in which two texts differ first, with a few before them. */
function firstDifference(what: string, ours: string, theirs: string): Difference {
  const [a, b] = [ours.split('\n'), theirs.split('\n')];
  const at = a.findIndex((line, i) => line !== b[i]);
  const from = Math.max(0, (at < 0 ? a.length : at) - 3);
  const excerpt = (lines: readonly string[]): string => lines.slice(from, from + 6).join('\n');
  return { what, ours: excerpt(a), theirs: excerpt(b) };
}

/** Compares a session with the other side's answer. */
export function compareSession(
  { expected, refusals }: PlayedSession,
  answer: string,
  documented: ReadonlySet<string>,
): SessionVerdict {
  if (answer.startsWith(DEATH)) {
    return { difference: { what: 'the life of the other side', ours: '', theirs: answer }, followed: [] };
  }
  if (!answer.startsWith(expected)) {
    return { difference: firstDifference('answers', expected, answer), followed: [] };
  }
  const tries = answer.slice(expected.length).split('\n').slice(0, -1);
  const followed = tries.map((line): Followed => {
    return line.startsWith('? panic') ? 'panic' : line === '? ignored' ? 'ignored' : 'followed';
  });
  const wrong = tries.find((line, i) => !isDocumented(line, refusals[i], documented));
  if (tries.length === refusals.length && wrong === undefined) return { difference: undefined, followed };
  const difference = { what: 'refusals', ours: refusals.join('\n'), theirs: tries.join('\n') };
  return { difference, followed };
}

/** The reason, or the code, of a refusal. */
export function reasonOf(refusal: string): string {
  return refusal.split(': ', 1)[0] as string;
}

function isDocumented(line: string, refusal: string | undefined, documented: ReadonlySet<string>): boolean {
  if (refusal === undefined || !documented.has(reasonOf(refusal))) return false;
  // What is dropped in silence is of no use to an honest sender: had it been of any, etcd would have taken it.
  if (refusal === 'drop') return line.startsWith('? panic') || line === '? ignored';
  const text = refusal.slice(reasonOf(refusal).length + 2);
  // An error of the application's own calls has the text of etcd's panic; a dump of Go's is nobody's text.
  if (text !== '' && !text.startsWith('unknown transition: ')) return line === `? panic: ${text}`;
  return line.startsWith('? panic: ') || line === '? followed' || line === '? ignored';
}

/** Plays given lines on this side; those that began with "?" may do so for another reason now, or not at all. */
export function replaySession(lines: readonly string[]): PlayedSession {
  const recorder = new Recorder();
  for (const line of lines) {
    recorder.say(line.startsWith('?') ? line.slice(1) : line);
    if (recorder.panicked) break;
  }
  return recorder.played;
}

/** As `replaySession`; undefined if the lines make no sense, as those of a shortened session may. */
export function tryReplay(lines: readonly string[]): PlayedSession | SessionCrash | undefined {
  try {
    return replaySession(lines);
  } catch (error) {
    if (!(error instanceof SessionCrash)) throw error;
    return error.cause instanceof TypeError || /^(there is no|unknown)/.test((error.cause as Error).message)
      ? undefined
      : error;
  }
}

/** The lines of a script, as the other side is asked. */
export function scriptLines(script: Script): string[] {
  return scriptText(script).split('\n').slice(0, -1);
}

/** Compares what a script came to with the other side's answer. */
export function compareScript(played: PlayedScript, answer: string): Difference | undefined {
  if (sameScript(played, answer)) return undefined;
  const end = typeof played.end === 'string' ? played.end : `panic: ${played.end.panic}`;
  return firstDifference('outputs', `${played.outputs}${end}\n`, answer);
}

/** The script with the other side's outputs: `npm run interact -- --check` shows what differs. */
export function scriptWithAnswers(script: Script, answer: string): string {
  const outputs = answer
    .replace(/(end|fatal|panic: .*)\n$/, '')
    .split(/^#\n/m)
    .slice(1)
    .map((output) => output.replace(/\n+$/, '\n'));
  const text = script.map((command, i) => {
    const output = outputs[i] ?? '';
    const fenced = output !== '' && /^\s*$/m.test(output.slice(0, -1));
    return `${command}\n----\n${fenced ? `----\n${output}----\n----\n` : output}\n`;
  });
  // A file of scripts has no empty line at its end.
  return text.join('').replace(/\n\n$/, '\n');
}
