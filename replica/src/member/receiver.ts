import { type Message, MessageType, type NodeId, type RaftError } from '@raft-ts/raft';
import type { ReplicaReceiver } from '../base/contracts.js';
import { describe, removedSender } from '../base/errors.js';
import { describeApart } from '../observe/founders.js';
import type { Engine } from './engine.js';

/** What the transport of a member calls. */
export function createReceiver<Command, Result>(engine: Engine<Command, Result>): ReplicaReceiver {
  const { raw, observer } = engine;
  return {
    founders: engine.founders,
    process: (message) => process(engine, message),
    inspectSnapshot: ({ from, snapshot }, chunks) =>
      snapshot === undefined
        ? chunks
        : engine.snapshots.inspect(snapshot, chunks, (error) => refused(engine, from, error)),
    isIdRemoved: (id) => engine.group.removed.has(id),
    reportUnreachable: (id) => {
      observer.contacts.lose(id);
      engine.feed(() => raw.reportUnreachable(id));
    },
    reportSnapshot: (id, status, error) => engine.reportSnapshot(id, status, error),
    reportFounders: (member, founders) => meetOthers(engine, member, founders),
    onRemoved: (removal) => engine.roster.refused(removal),
  };
}

function process<Command, Result>(engine: Engine<Command, Result>, message: Message): void | Promise<void> {
  engine.checkTakesPart();
  if (engine.group.removed.has(message.from)) throw removedSender(message.from);
  engine.observer.contacts.hear(message.from);
  engine.received++;
  if (message.type === MessageType.MsgSnap) return processSnapshot(engine, message);
  step(engine, message);
}

/** What raft has taken cannot be refused any more, so a snapshot is looked at before. */
async function processSnapshot<Command, Result>(engine: Engine<Command, Result>, message: Message): Promise<void> {
  try {
    if (message.snapshot !== undefined) await engine.snapshots.admit(message.snapshot);
  } catch (error) {
    refused(engine, message.from, error);
    throw error;
  }
  engine.checkTakesPart();
  step(engine, message);
}

function refused<Command, Result>(engine: Engine<Command, Result>, from: NodeId, error: unknown): void {
  engine.logger.warn(`refused the snapshot that member ${from} sent, which sends it again: ${describe(error)}`);
}

function step<Command, Result>(engine: Engine<Command, Result>, message: Message): void {
  try {
    engine.lead.process(message, (admitted) => engine.driver.step(admitted));
  } catch (error) {
    // A refusal is the sender's to hear of; anything else means that this member's state cannot be trusted.
    if (typeof (error as Partial<RaftError>).code !== 'string') engine.fail(error);
    throw error;
  }
}

/** Either of the two may be wrong, and neither can harm the other: nobody ends. */
function meetOthers<Command, Result>(
  engine: Engine<Command, Result>,
  member: NodeId,
  founders: readonly NodeId[],
): void {
  if (!engine.observer.contacts.estrange(member, founders)) return;
  engine.logger.error(describeApart(engine.id, engine.founders ?? [], member, founders));
}
