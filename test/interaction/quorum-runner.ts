import type { NodeId } from '@raft-ts/raft';
import { type AckedIndexer, describeIndex, JointConfig, MajorityConfig } from '@raft-ts/raft/internal';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import type { Handler } from '../datadriven/runner.js';
import { parseUint } from '../datadriven/scan.js';
import { parsePosition } from './arguments.js';

/** What the arguments of a quorum command say; numbers stand for values, 0 for "nothing known". */
interface Question {
  readonly cfg: NodeId[];
  readonly cfgj: NodeId[];
  joint: boolean;
  readonly idx: number[];
  readonly votes: number[];
}

const voteNumbers = new Map([
  ['y', 2],
  ['n', 1],
  ['_', 0],
]);

function readIndexValue(text: string): number {
  const index = text === '_' ? 0 : parsePosition(text);
  if (text !== '_' && index === 0) {
    throw new ScriptAbort('an index of 0 is not allowed: write _');
  }
  return index;
}

function readVote(text: string): number {
  const vote = voteNumbers.get(text);
  if (vote === undefined) {
    throw new ScriptAbort(`unknown vote: ${text}`);
  }
  return vote;
}

function readValue(question: Question, key: string, value: string, count: number): void {
  switch (key) {
    case 'cfg':
      question.cfg.push(parseUint(value));
      break;
    case 'cfgj':
      question.joint = true;
      if (value !== 'zero') {
        question.cfgj.push(parseUint(value));
      } else if (count !== 1) {
        throw new ScriptAbort('zero must be the only value of cfgj');
      }
      break;
    case 'idx':
      question.idx.push(readIndexValue(value));
      break;
    case 'votes':
      question.votes.push(readVote(value));
      break;
    default:
      throw new ScriptAbort(`unknown arg ${key}`);
  }
}

function readQuestion(directive: Directive): Question {
  const question: Question = { cfg: [], cfgj: [], joint: false, idx: [], votes: [] };
  for (const { key, values } of directive.args) {
    for (const value of values) {
      readValue(question, key, value, values.length);
    }
  }
  return question;
}

/** Known indexes by id. */
class Acked implements AckedIndexer {
  readonly indexes: ReadonlyMap<NodeId, number>;

  constructor(indexes: ReadonlyMap<NodeId, number>) {
    this.indexes = indexes;
  }

  ackedIndex(id: NodeId): number | undefined {
    return this.indexes.get(id);
  }

  with(id: NodeId, index: number): Acked {
    return new Acked(new Map(this.indexes).set(id, index));
  }
}

/** The committed index by its definition: the largest acknowledged one that a majority has reached. */
function committedByDefinition(config: MajorityConfig, acked: Acked): number {
  if (config.size === 0) {
    return Number.POSITIVE_INFINITY;
  }
  const known = config.ids.map((id) => acked.ackedIndex(id) ?? 0);
  const enough = Math.floor(config.size / 2) + 1;
  const reached = known.filter((index) => known.filter((other) => other >= index).length >= enough);
  return Math.max(0, ...reached);
}

/** Prints a line for each other way to compute the same index that gives another one. */
function crossCheckMajority(config: MajorityConfig, acked: Acked, index: number): string {
  let complaints = '';
  const check = (other: number, label: string): void => {
    if (other !== index) {
      complaints += `${describeIndex(other)} <-- ${label}\n`;
    }
  };
  check(committedByDefinition(config, acked), 'via alternative computation');
  check(new JointConfig(config).committedIndex(acked), 'via zero-joint quorum');
  check(new JointConfig(config, config).committedIndex(acked), 'via self-joint quorum');
  for (const id of config.ids) {
    const known = acked.ackedIndex(id) ?? 0;
    if (known > 0 && known < index) {
      for (const lower of [known - 1, 0]) {
        check(config.committedIndex(acked.with(id, lower)), `overlaying ${known}->${lower}`);
      }
    }
  }
  return complaints;
}

function answerCommitted({ joint, cfg, cfgj }: Question, acked: Acked): string {
  const config = new MajorityConfig(cfg);
  if (!joint) {
    const index = config.committedIndex(acked);
    return `${config.describe(acked)}${crossCheckMajority(config, acked, index)}${describeIndex(index)}\n`;
  }
  const other = new MajorityConfig(cfgj);
  const both = new JointConfig(config, other);
  const index = both.committedIndex(acked);
  const swapped = new JointConfig(other, config).committedIndex(acked);
  const complaint = swapped === index ? '' : `${describeIndex(swapped)} <-- via symmetry\n`;
  return `${both.describe(acked)}${complaint}${describeIndex(index)}\n`;
}

function answerVote({ joint, cfg, cfgj }: Question, votes: ReadonlyMap<NodeId, boolean>): string {
  const config = new MajorityConfig(cfg);
  if (!joint) {
    return `${config.voteResult(votes)}\n`;
  }
  const other = new MajorityConfig(cfgj);
  const result = new JointConfig(config, other).voteResult(votes);
  const swapped = new JointConfig(other, config).voteResult(votes);
  return `${swapped === result ? '' : `${swapped} <-- via symmetry\n`}${result}\n`;
}

/** Carries out `committed` and `vote`: what a majority, or two at once, decide. */
export function quorumHandler(): Handler {
  return (directive) => {
    const question = readQuestion(directive);
    const ids = [...new Set([...question.cfg, ...question.cfgj])];
    const values = directive.command === 'vote' ? question.votes : question.idx;
    if (ids.length !== values.length) {
      const voters = ids.toSorted((a, b) => (a < b ? -1 : 1)).map((id) => `${id}:{}`);
      return `error: mismatched input (explicit or _) for voters map[${voters.join(' ')}]: [${values.join(' ')}]`;
    }
    const known = ids.map((id, at) => [id, values[at] as number] as const).filter(([, value]) => value !== 0);
    switch (directive.command) {
      case 'committed':
        return answerCommitted(question, new Acked(new Map(known)));
      case 'vote':
        return answerVote(question, new Map(known.map(([id, value]) => [id, value === voteNumbers.get('y')])));
      default:
        throw new ScriptAbort(`unknown command: ${directive.command}`);
    }
  };
}
