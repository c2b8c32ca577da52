import { describeEntries, quoteBytes } from '@raft-ts/raft';
import { describeProgressMap } from '@raft-ts/raft/internal';
import type { Directive } from '../datadriven/directive.js';
import { compactAnyway } from '../helpers/storage.js';
import { argumentKey, firstId, parsePosition } from './arguments.js';
import { asCommandError } from './errors.js';
import type { ScriptNode } from './script-node.js';
import type { World } from './world.js';

/** `log-level NAME` */
export function logLevel(world: World, directive: Directive): void {
  world.output.setLevel(argumentKey(directive, 0));
}

function printLog(world: World, { storage }: ScriptNode): void {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last < first) {
    world.output.write(`log is empty: first index=${first}, last index=${last}`);
    return;
  }
  world.output.write(describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY), quoteBytes));
}

/** `raft-log N`: what the node's storage holds. */
export function raftLog(world: World, directive: Directive): void {
  printLog(world, world.firstNode(directive));
}

/** `compact N INDEX`: drops the entries up to INDEX, and prints the rest. */
export function compact(world: World, directive: Directive): void {
  const id = firstId(directive);
  const index = asCommandError(() => parsePosition(argumentKey(directive, 1)));
  const node = world.node(id);
  compactAnyway(node.storage, index);
  printLog(world, node);
}

/** `raft-state`: role, term and leader of every node. */
export function raftState(world: World): void {
  for (const { id, rawNode } of world.nodes) {
    const { softState, hardState } = rawNode.basicStatus();
    const voter = rawNode.raft.trk.config.voters.has(id) ? '(Voter)' : '(Non-Voter)';
    world.output.write(`${id}: ${softState.raftState} ${voter} Term:${hardState.term} Lead:${softState.lead}\n`);
  }
}

/** `status N`: what the node, if it leads, knows of the others' logs. */
export function status(world: World, directive: Directive): void {
  world.output.write(describeProgressMap(world.firstNode(directive).rawNode.status().progress));
}
