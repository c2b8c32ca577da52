import { type ConfChange, ConfChangeTransition, type ConfChangeV2, confChangesFromString } from '@raft-ts/raft';
import { type Directive, describeArgument, ScriptAbort, scanArgument } from '../datadriven/directive.js';
import { parseBool, parseUint } from '../datadriven/scan.js';
import { encodeText } from '../datadriven/text.js';
import { argumentKey, firstId } from './arguments.js';
import { asCommandError, CommandError, hasCode } from './errors.js';
import type { World } from './world.js';

/** `campaign N` */
export function campaign(world: World, directive: Directive): void {
  world.firstNode(directive).rawNode.campaign();
}

/** `forget-leader N` */
export function forgetLeader(world: World, directive: Directive): void {
  world.firstNode(directive).rawNode.forgetLeader();
}

/** `transfer-leadership from=A to=B` */
export function transferLeadership(world: World, directive: Directive): void {
  const from = scanArgument(directive, 'from', parseUint);
  const to = scanArgument(directive, 'to', parseUint);
  for (const [name, id] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (id < 1n || id > BigInt(world.nodes.length)) {
      throw new ScriptAbort(`expected valid "${name}" argument`);
    }
  }
  world.node(Number(from)).rawNode.transferLeadership(to);
}

/** `propose N DATA` */
export function propose(world: World, directive: Directive): void {
  const node = world.firstNode(directive);
  const data = directive.args[1];
  if (data === undefined || directive.args.length !== 2 || data.values.length > 0) {
    const got = directive.args.slice(1).map(describeArgument).join(' ');
    throw new ScriptAbort(`expected exactly one key with no vals: [${got}]`);
  }
  node.rawNode.propose(encodeText(data.key));
}

/** `read-index N CONTEXT`: a linearizable read; the answer is a ReadState in a later Ready of the node. */
export function readIndex(world: World, directive: Directive): void {
  world.firstNode(directive).rawNode.readIndex(encodeText(argumentKey(directive, 1)));
}

const transitions = new Map([
  ['auto', ConfChangeTransition.ConfChangeTransitionAuto],
  ['implicit', ConfChangeTransition.ConfChangeTransitionJointImplicit],
  ['explicit', ConfChangeTransition.ConfChangeTransitionJointExplicit],
]);

function readTransition(text: string): ConfChangeTransition {
  const transition = transitions.get(text);
  if (transition === undefined) {
    throw new CommandError(`unknown transition ${text}`);
  }
  return transition;
}

interface ConfChangeOptions {
  v1: boolean;
  transition: ConfChangeTransition;
}

function readConfChangeOptions(directive: Directive): ConfChangeOptions {
  const options: ConfChangeOptions = { v1: false, transition: ConfChangeTransition.ConfChangeTransitionAuto };
  for (const { key, values } of directive.args.slice(1)) {
    for (const value of values) {
      if (key === 'v1') {
        options.v1 = asCommandError(() => parseBool(value));
      } else if (key === 'transition') {
        options.transition = readTransition(value);
      } else {
        throw new CommandError(`unknown command ${key}`);
      }
    }
  }
  return options;
}

/** The membership change that the arguments and the input of a `propose-conf-change` are. */
export function readConfChange(directive: Directive): ConfChange | ConfChangeV2 {
  const { v1, transition } = readConfChangeOptions(directive);
  const changes = confChangesFromString(directive.input);
  if (!v1) {
    return { transition, changes, context: undefined };
  }
  if (changes.length > 1 || transition !== ConfChangeTransition.ConfChangeTransitionAuto) {
    throw new CommandError('v1 conf change can only have one operation and no transition');
  }
  const [change] = changes;
  if (change === undefined) {
    throw new ScriptAbort('a v1 conf change without an operation (index out of range)');
  }
  return { id: 0n, type: change.type, nodeId: change.nodeId, context: undefined };
}

/** `propose-conf-change N [v1=BOOL] [transition=auto|implicit|explicit]`, and the changes as input. */
export function proposeConfChange(world: World, directive: Directive): void {
  const id = firstId(directive);
  const change = readConfChange(directive);
  try {
    world.node(id).rawNode.proposeConfChange(change);
  } catch (error) {
    // etcd's proposer never learns that the leader appended an empty entry instead.
    if (!hasCode(error, 'ERR_RAFT_CONF_CHANGE_REFUSED')) {
      throw error;
    }
  }
}
