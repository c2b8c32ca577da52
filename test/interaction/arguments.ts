import type { NodeId } from '@raft-ts/raft';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import { atoi, parseUint } from '../datadriven/scan.js';

/** The key of an argument by its position. */
export function argumentKey(directive: Directive, at: number): string {
  const argument = directive.args[at];
  if (argument === undefined) {
    throw new ScriptAbort(`argument ${at + 1} of ${directive.command} is missing (index out of range)`);
  }
  return argument.key;
}

/** The number of a node that the first argument is. */
export function firstId(directive: Directive): number {
  return atoi(argumentKey(directive, 0));
}

/** The numbers of nodes that the arguments without a value are. */
export function listedIds(directive: Directive): number[] {
  return directive.args.filter(({ values }) => values.length === 0).map(({ key }) => atoi(key));
}

/** A number from a script as the id that it becomes in etcd's arithmetic of 64 bits. */
export function toNodeId(id: number): NodeId {
  return BigInt.asUintN(64, BigInt(id));
}

/** A log position or a size. Go's have 64 bits, ours are safe integers. */
export function parsePosition(text: string): number {
  const value = parseUint(text);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ScriptAbort(`${value} is above 2^53 - 1, the highest position of this implementation`);
  }
  return Number(value);
}
