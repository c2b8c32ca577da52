import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import { listedIds } from './arguments.js';
import { deliverTo } from './deliver.js';
import { isPrintable } from './errors.js';
import { appendWork, applyWork, readyWork, runTitled } from './process.js';
import type { ScriptNode } from './script-node.js';
import type { World } from './world.js';

/**
 * A cluster that has not come to rest by then never will: for example two followers that take each other for the
 * leader forward a proposal to and fro. etcd's harness runs until its memory is full.
 */
const MAX_ROUNDS = 20_000;
const MAX_DELIVERIES = 250_000;

interface Effort {
  rounds: number;
  deliveries: number;
}

function handleReadies(world: World, nodes: readonly ScriptNode[]): boolean {
  const ready = nodes.filter((node) => {
    const has = node.rawNode.hasReady();
    if (has) {
      runTitled(world, node, readyWork);
    }
    return has;
  });
  return ready.length > 0;
}

function receiveMessages(world: World, nodes: readonly ScriptNode[], effort: Effort): boolean {
  let received = false;
  for (const { id } of nodes) {
    if (world.messages.some((message) => message.to === id)) {
      received = true;
      world.output.write(`> ${id} receiving messages\n`);
      world.output.indented(() => {
        effort.deliveries += deliverTo(world, { id, drop: false });
      });
    }
  }
  return received;
}

function runAppendThreads(world: World, nodes: readonly ScriptNode[]): boolean {
  let worked = false;
  for (const node of nodes) {
    if (node.appendWork.length > 0) {
      worked = true;
      world.output.write(`> ${node.id} ${appendWork.title}\n`);
      while (node.appendWork.length > 0) {
        world.output.indented(() => appendWork.run(world, node));
      }
    }
  }
  return worked;
}

function runApplyThreads(world: World, nodes: readonly ScriptNode[]): boolean {
  let worked = false;
  for (const node of nodes) {
    if (node.applyWork.length > 0) {
      worked = true;
      world.output.write(`> ${node.id} ${applyWork.title}\n`);
      while (node.applyWork.length > 0) {
        try {
          world.output.indented(() => applyWork.run(world, node));
        } catch (error) {
          // etcd's harness drops what goes wrong here.
          if (!isPrintable(error)) {
            throw error;
          }
        }
      }
    }
  }
  return worked;
}

function run(world: World, nodes: readonly ScriptNode[]): void {
  const effort: Effort = { rounds: 0, deliveries: 0 };
  for (let busy = true; busy; effort.rounds++) {
    if (effort.rounds >= MAX_ROUNDS || effort.deliveries >= MAX_DELIVERIES) {
      throw new ScriptAbort(
        `stabilize does not come to rest: gave up after ${effort.rounds} rounds and ${effort.deliveries} deliveries`,
      );
    }
    const didReady = handleReadies(world, nodes);
    const didReceive = receiveMessages(world, nodes, effort);
    const didAppend = runAppendThreads(world, nodes);
    const didApply = runApplyThreads(world, nodes);
    busy = didReady || didReceive || didAppend || didApply;
  }
}

/** `stabilize [ID…] [log-level=NAME]`: lets these nodes, or all, work until none has anything to do. */
export function stabilize(world: World, directive: Directive): void {
  const ids = listedIds(directive);
  const level = world.output.level;
  try {
    for (const { key, values } of directive.args) {
      if (key === 'log-level') {
        for (const value of values) {
          world.output.setLevel(value);
        }
      }
    }
    run(world, ids.length > 0 ? ids.map((id) => world.node(id)) : world.nodes);
  } finally {
    world.output.level = level;
  }
}
