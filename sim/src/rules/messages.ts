import { type Entry, isLocalMessage, type Message, MessageType, messageName } from '@raft-ts/proto';
import { chainEntry } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A message is handed to the network. */
export function messageLegal(history: History, member: Member, m: Message): void {
  const { id } = member;
  if (isLocalMessage(m.type)) fail(member, m, 'is for the member itself');
  if (m.to === id || m.to === 0n) fail(member, m, 'is addressed to its sender or nobody');
  if (m.from !== id && !isForwarded(m)) fail(member, m, `names ${m.from} as its sender`);
  switch (m.type) {
    case MessageType.MsgProp:
    case MessageType.MsgReadIndex:
      return;
    case MessageType.MsgApp:
      appendLegal(history, member, m);
      return;
    default:
      if (m.term === 0) fail(member, m, 'has no term');
  }
}

/** These keep the name of whoever asked, or who is meant, when a follower hands them to its leader. */
function isForwarded({ type }: Message): boolean {
  const { MsgProp, MsgReadIndex, MsgTransferLeader } = MessageType;
  return type === MsgProp || type === MsgReadIndex || type === MsgTransferLeader;
}

/** The entries of an append, against every log: those that a leader lost again before writing them travel too. */
function appendLegal(history: History, member: Member, m: Message): void {
  const { entries, index, logTerm } = m;
  if (m.commit > member.seenCommit) fail(member, m, `has commit ${m.commit}; its sender has ${member.seenCommit}`);
  let chain = index === 0 ? 0 : history.chainOf(index, logTerm);
  if (chain === undefined) fail(member, m, `follows an entry ${index} of term ${logTerm} that was never written`);
  let before = logTerm;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Entry;
    if (entry.index !== index + 1 + i) fail(member, m, `has entry ${entry.index} where ${index + 1 + i} belongs`);
    if (entry.term < before) fail(member, m, `has an entry ${entry.index} of term ${entry.term} after term ${before}`);
    chain = chainEntry(chain, entry);
    if (history.write(entry.index, entry.term, chain) !== chain) {
      fail(member, m, `has another entry ${entry.index} of term ${entry.term} than others hold, or others before it`);
    }
    before = entry.term;
  }
  if (before > m.term) fail(member, m, `has an entry of term ${before}`);
}

function fail({ id }: Member, m: Message, what: string): never {
  throw new Violation(
    'message-legal',
    `A ${messageName(m.type)} of term ${m.term} from member ${id} to ${m.to} ${what}.`,
  );
}
