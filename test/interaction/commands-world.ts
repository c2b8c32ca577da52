import { describeMessage, MessageType, newMessage, quoteBytes } from '@raft-ts/raft';
import { type Directive, ScriptAbort, scanArgument } from '../datadriven/directive.js';
import { parseInteger } from '../datadriven/scan.js';
import { listedIds, toNodeId } from './arguments.js';
import { CommandError } from './errors.js';
import type { World } from './world.js';

/** `tick-election N`, `tick-heartbeat N`: as many ticks as the node's timeout of that kind has. */
export function tick(world: World, directive: Directive, timeout: 'electionTick' | 'heartbeatTick'): void {
  const node = world.firstNode(directive);
  for (let i = 0; i < node.config[timeout]; i++) {
    node.rawNode.tick();
  }
}

/** `set-randomized-election-timeout N timeout=T`: until the node draws its next one. */
export function setRandomizedElectionTimeout(world: World, directive: Directive): void {
  const node = world.firstNode(directive);
  const timeout = scanArgument(directive, 'timeout', parseInteger);
  if (timeout === 0) {
    throw new ScriptAbort('the timeout must not be 0');
  }
  node.rawNode.raft.randomizedElectionTimeout = timeout;
}

/** `report-unreachable A B`: tells A that a message to B was lost. */
export function reportUnreachable(world: World, directive: Directive): void {
  const [on, reported, ...more] = listedIds(directive);
  if (on === undefined || reported === undefined || more.length > 0) {
    throw new CommandError('must specify exactly two node indexes: node on which to report, and reported node');
  }
  world.node(on).rawNode.reportUnreachable(world.node(reported).id);
}

/** `send-snapshot A B`: puts A's newest snapshot under way to B, without A's raft knowing. */
export function sendSnapshot(world: World, directive: Directive): void {
  const [from, to, ...more] = listedIds(directive);
  if (from === undefined || to === undefined || more.length > 0) {
    throw new ScriptAbort('expected exactly two node ids: sender and receiver');
  }
  const sender = world.node(from);
  const message = newMessage(MessageType.MsgSnap, toNodeId(to));
  message.from = sender.id;
  message.term = sender.rawNode.basicStatus().hardState.term;
  message.snapshot = sender.storage.snapshot();
  world.messages.push(message);
  world.output.write(describeMessage(message, quoteBytes));
}
