import { assertInvariants } from '@raft-ts/raft/internal';
import type { Directive } from '../datadriven/directive.js';
import type { Handler } from '../datadriven/runner.js';
import { addNodes } from './add-nodes.js';
import {
  campaign,
  forgetLeader,
  propose,
  proposeConfChange,
  readIndex,
  transferLeadership,
} from './commands-client.js';
import { compact, logLevel, raftLog, raftState, status } from './commands-inspect.js';
import { reportUnreachable, sendSnapshot, setRandomizedElectionTimeout, tick } from './commands-world.js';
import { deliverMessages } from './deliver.js';
import { isPrintable } from './errors.js';
import { processAppendThread, processApplyThread, processReady } from './process.js';
import { stabilize } from './stabilize.js';
import { World } from './world.js';

const commands = new Map<string, (world: World, directive: Directive) => void>([
  ['_breakpoint', () => {}],
  ['add-nodes', addNodes],
  ['campaign', campaign],
  ['compact', compact],
  ['deliver-msgs', deliverMessages],
  ['forget-leader', forgetLeader],
  ['log-level', logLevel],
  ['process-append-thread', processAppendThread],
  ['process-apply-thread', processApplyThread],
  ['process-ready', processReady],
  ['propose', propose],
  ['propose-conf-change', proposeConfChange],
  ['raft-log', raftLog],
  ['raft-state', raftState],
  ['report-unreachable', reportUnreachable],
  ['send-snapshot', sendSnapshot],
  ['set-randomized-election-timeout', setRandomizedElectionTimeout],
  ['stabilize', stabilize],
  ['status', status],
  ['tick-election', (world, directive) => tick(world, directive, 'electionTick')],
  ['tick-heartbeat', (world, directive) => tick(world, directive, 'heartbeatTick')],
  ['transfer-leadership', transferLeadership],
  // Ours: etcd has no command that reads, so no script of theirs can tell.
  ['read-index', readIndex],
]);

/** The names of all commands, in alphabetical order. */
export const interactionCommands: readonly string[] = [...commands.keys()].sort();

/** Carries out one command; the text of an error that is to be printed comes back. */
function run(world: World, directive: Directive): string | undefined {
  const command = commands.get(directive.command);
  if (command === undefined) {
    return 'unknown command';
  }
  try {
    command(world, directive);
    return undefined;
  } catch (error) {
    if (isPrintable(error)) {
      return error.message;
    }
    throw error;
  }
}

/** The world of one script of etcd's interaction tests, in which nothing happens but by command. */
export function interactionHandler(): Handler {
  const world = new World();
  return (directive) => {
    world.output.clear();
    const failure = run(world, directive);
    for (const node of world.nodes) {
      assertInvariants(node.rawNode.raft);
    }
    if (failure !== undefined && world.output.silent) {
      return failure;
    }
    const printed = world.output.text + (failure ?? '');
    return printed === '' ? 'ok' : printed;
  };
}
