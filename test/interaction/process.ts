import {
  describeMessage,
  describeReady,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  messageName,
  quoteBytes,
} from '@raft-ts/raft';
import { assertInvariants } from '@raft-ts/raft/internal';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import type { ScriptNode } from './script-node.js';
import type { World } from './world.js';

/** Work of one node that a command carries out, and what the output calls it. */
export interface Work {
  readonly title: string;
  readonly run: (world: World, node: ScriptNode) => void;
}

export const readyWork: Work = { title: 'handling Ready', run: handleReady };
export const appendWork: Work = { title: 'processing append thread', run: runAppendThread };
export const applyWork: Work = { title: 'processing apply thread', run: runApplyThread };

/** Puts a message of a Ready where it belongs: under way, or to one of the node's storage threads. */
function dispatch(world: World, node: ScriptNode, message: Message): void {
  if (message.to !== LOCAL_APPEND_THREAD && message.to !== LOCAL_APPLY_THREAD) {
    world.messages.push(message);
    return;
  }
  if (node.config.asyncStorageWrites !== true) {
    throw new ScriptAbort('unexpected local msg target');
  }
  if (message.type === MessageType.MsgStorageAppend) {
    node.appendWork.push(message);
  } else if (message.type === MessageType.MsgStorageApply) {
    node.applyWork.push(message);
  } else {
    throw new ScriptAbort(`unexpected message type ${messageName(message.type)}`);
  }
}

/** Takes the node's next Ready and does what it asks for. */
function handleReady(world: World, node: ScriptNode): void {
  const rd = node.rawNode.ready();
  const synchronous = node.config.asyncStorageWrites !== true;
  world.output.write(describeReady(rd, quoteBytes));
  if (synchronous) {
    node.append(rd.hardState, rd.entries, rd.snapshot);
    node.apply(rd.committedEntries);
  }
  for (const message of rd.messages) {
    dispatch(world, node, message);
  }
  if (synchronous) {
    node.rawNode.advance();
  }
  assertInvariants(node.rawNode.raft);
}

/** Carries out the oldest message of a storage thread and sends its responses on their way. */
function carryOut(world: World, message: Message, write: () => void): void {
  world.output.write(`Processing:\n${describeMessage({ ...message, responses: [] }, quoteBytes)}\n`);
  write();
  world.output.write('Responses:\n');
  for (const response of message.responses) {
    world.output.write(`${describeMessage(response, quoteBytes)}\n`);
  }
  world.messages.push(...message.responses);
}

function runAppendThread(world: World, node: ScriptNode): void {
  const message = node.appendWork.shift();
  if (message === undefined) {
    world.output.write('no append work to perform');
    return;
  }
  const { term, vote, commit } = message;
  carryOut(world, message, () => node.append({ term, vote, commit }, message.entries, message.snapshot));
}

function runApplyThread(world: World, node: ScriptNode): void {
  const message = node.applyWork.shift();
  if (message === undefined) {
    world.output.write('no apply work to perform');
    return;
  }
  carryOut(world, message, () => node.apply(message.entries));
  assertInvariants(node.rawNode.raft);
}

/** Says whose work it is, and runs it in an indented block. */
export function runTitled(world: World, node: ScriptNode, work: Work): void {
  world.output.write(`> ${node.id} ${work.title}\n`);
  world.output.indented(() => work.run(world, node));
}

/** The work on each listed node; with a title if there are several. */
function runListed(world: World, directive: Directive, work: Work): void {
  const nodes = world.listedNodes(directive);
  for (const node of nodes) {
    if (nodes.length > 1) {
      runTitled(world, node, work);
    } else {
      work.run(world, node);
    }
  }
}

/** `process-ready ID…` */
export function processReady(world: World, directive: Directive): void {
  runListed(world, directive, readyWork);
}

/** `process-append-thread ID…`: one message each. */
export function processAppendThread(world: World, directive: Directive): void {
  runListed(world, directive, appendWork);
}

/** `process-apply-thread ID…`: one message each. */
export function processApplyThread(world: World, directive: Directive): void {
  runListed(world, directive, applyWork);
}
