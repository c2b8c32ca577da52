import { type Entry, type Message, MessageType, messageName, type NodeId, newMessage } from '@raft-ts/proto';
import { describeMessage } from '@raft-ts/raft';
import { bytes } from './entries.js';

/** A message of which only these fields are not empty. */
export function message(fields: Partial<Message> & Pick<Message, 'type'>): Message {
  return { ...newMessage(fields.type, fields.to ?? 0n), ...fields };
}

/** Makes member n campaign. */
export function hup(n: NodeId): Message {
  return message({ type: MessageType.MsgHup, from: n, to: n });
}

/** Makes member n send heartbeats. */
export function beat(n: NodeId): Message {
  return message({ type: MessageType.MsgBeat, from: n, to: n });
}

/** Proposes one normal entry at member n, without data unless a text is given. */
export function prop(n: NodeId, text?: string): Message {
  return propEntries(n, [proposed(text)]);
}

export function propEntries(n: NodeId, entries: readonly Entry[]): Message {
  return message({ type: MessageType.MsgProp, from: n, to: n, entries });
}

/** A normal entry as it is before it has a place in the log. */
export function proposed(text?: string): Entry {
  return { type: undefined, term: 0, index: 0, data: text === undefined ? undefined : bytes(text) };
}

/** Asks for a read at member n. */
export function read(n: NodeId, context: string): Message {
  return message({ type: MessageType.MsgReadIndex, from: n, to: n, entries: [proposed(context)] });
}

/** Tells member `to` that `transferee` shall lead. */
export function transferTo(transferee: NodeId, to: NodeId): Message {
  return message({ type: MessageType.MsgTransferLeader, from: transferee, to });
}

/** The answer of a follower that takes this append. */
export function acceptAndReply(m: Message): Message {
  if (m.type !== MessageType.MsgApp) throw new Error(`not a MsgApp: ${describeMessage(m)}`);
  return message({
    type: MessageType.MsgAppResp,
    from: m.to,
    to: m.from,
    term: m.term,
    index: m.index + m.entries.length,
  });
}

/** Sorted by receiver, kind and sender, so that lists can be compared whatever the order of sending. */
export function sortMessages(messages: readonly Message[]): Message[] {
  return messages.toSorted((a, b) => Number(a.to - b.to) || a.type - b.type || Number(a.from - b.from));
}

/** The kinds of these messages, by name. */
export function typesOf(messages: readonly Message[]): string[] {
  return messages.map((m) => messageName(m.type));
}
