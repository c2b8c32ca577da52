// The names that a program writes which uses only the core. Compiled as it is by each compiler that is tried.
import { type Message, MessageType, newMessage } from '@raft-ts/proto';
import { type Config, MemoryStorage, type Node, type Ready, type Storage, startNode } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { type StrictError, strict } from '@raft-ts/raft/strict';
import type { Transport, TransportReceiver } from '@raft-ts/raft/transport';

export const storage: Storage = new MemoryStorage();
export const start = (config: Config): Node => startNode(config, [{ id: 1n }]);
export const connect = (receiver: TransportReceiver): Transport => new MemoryNetwork().connect(1n, receiver);
export const watched = (node: Node, transport: Transport): Transport => strict(node, storage, transport).transport;
export const ruleOf = (error: StrictError): string => error.rule;
export const propose = (node: Node, signal: AbortSignal): Promise<unknown> =>
  node.propose(new Uint8Array([1]), { signal });

export async function run(node: Node, save: (rd: Ready) => void): Promise<Message> {
  for await (const rd of node.ready()) save(rd);
  return newMessage(MessageType.MsgHup, 1n);
}
