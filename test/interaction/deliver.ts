import {
  describeMessage,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  type NodeId,
  quoteBytes,
} from '@raft-ts/raft';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import { parseUint } from '../datadriven/scan.js';
import type { World } from './world.js';

/** One recipient of `deliver-msgs`, and whether its messages are lost instead. */
interface Recipient {
  readonly id: NodeId;
  readonly drop: boolean;
}

function isStorageThread(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

/** A message that never crosses a network, and so cannot be lost. */
function isLocal({ from, to }: Message): boolean {
  return from === to || isStorageThread(from) || isStorageThread(to);
}

/** Takes the messages to this recipient out of what is under way. */
function take(world: World, { id, drop }: Recipient, type: MessageType | undefined): Message[] {
  const taken: Message[] = [];
  world.messages = world.messages.filter((message) => {
    const mine = message.to === id && (type === undefined || message.type === type) && !(drop && isLocal(message));
    if (mine) {
      taken.push(message);
    }
    return !mine;
  });
  return taken;
}

/** Delivers, or drops, what is under way to this recipient at this moment; says how many messages that were. */
export function deliverTo(world: World, recipient: Recipient, type?: MessageType): number {
  const taken = take(world, recipient, type);
  for (const message of taken) {
    world.output.write(`${recipient.drop ? 'dropped: ' : ''}${describeMessage(message, quoteBytes)}\n`);
    if (!recipient.drop) {
      world.step(world.node(Number(recipient.id)), message);
    }
  }
  return taken.length;
}

function parseType(name: string): MessageType {
  if (!Object.hasOwn(MessageType, name)) {
    throw new ScriptAbort(`unknown message type ${name}`);
  }
  return MessageType[name as keyof typeof MessageType];
}

function readArguments(directive: Directive): { recipients: Recipient[]; type: MessageType | undefined } {
  const recipients: Recipient[] = [];
  let type: MessageType | undefined;
  for (const { key, values } of directive.args) {
    if (values.length === 0) {
      recipients.push({ id: parseUint(key), drop: false });
    }
    for (const value of values) {
      if (key === 'drop') {
        const id = parseUint(value);
        if (recipients.some((recipient) => recipient.id === id)) {
          throw new ScriptAbort(`can't both deliver and drop msgs to ${id}`);
        }
        recipients.push({ id, drop: true });
      } else if (key === 'type') {
        type = parseType(value);
      }
    }
  }
  return { recipients, type };
}

/** `deliver-msgs ID… [drop=(ID, …)] [type=NAME]` */
export function deliverMessages(world: World, directive: Directive): void {
  const { recipients, type } = readArguments(directive);
  let handled = 0;
  for (const recipient of recipients) {
    handled += deliverTo(world, recipient, type);
  }
  if (handled === 0) {
    world.output.write('no messages\n');
  }
}
