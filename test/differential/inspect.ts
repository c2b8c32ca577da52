import { entrySize } from '@raft-ts/proto';
import {
  decodeConfChangeEntry,
  describeReady,
  describeStatus,
  type Entry,
  EntryType,
  isConfChangeEntry,
  isEmptySnap,
  type Message,
  type NodeId,
  quoteBytes,
  type RawNode,
  type Ready,
  type Snapshot,
  type Status,
} from '@raft-ts/raft';
import type { Progress, Raft, TrackerConfig } from '@raft-ts/raft/internal';

/** The text of a payload in a line: "-" if it is absent, else "x" and hexadecimal digits. */
export function payloadText(data: Uint8Array | undefined): string {
  return data === undefined ? '-' : `x${hex(data)}`;
}

export function hex(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
}

const states = { StateFollower: 0, StateCandidate: 1, StateLeader: 2, StatePreCandidate: 3 } as const;
const progressStates = { StateProbe: 0, StateReplicate: 1, StateSnapshot: 2 } as const;

// Configurations never change, and their text is asked for with every line.
const configTexts = new WeakMap<TrackerConfig, string>();

function configText(config: TrackerConfig): string {
  let text = configTexts.get(config);
  if (text === undefined) {
    text = String(config);
    configTexts.set(config, text);
  }
  return text;
}

function ascending(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

/** All that a member knows, except the entries themselves, in one line: as `inspect.go` has it. */
export function dump(node: RawNode): string {
  const r = node.raft;
  const { raftLog: log } = r;
  const { unstable: u, storage } = log;
  return (
    `T${r.term}/${r.vote} C${log.committed}/${log.applying}/${log.applied} L${r.lead}/${states[r.state]}` +
    `${r.isLearner ? 'l' : ''} X${r.leadTransferee}` +
    ` E${r.electionElapsed}/${r.heartbeatElapsed}/${r.randomizedElectionTimeout}` +
    ` P${r.pendingConfIndex}/${r.uncommittedSize}/${log.applyingEntsSize}${log.applyingEntsPaused ? 'p' : ''}` +
    ` S${storage.firstIndex()}/${storage.lastIndex()}` +
    ` U${u.offset}/${u.offsetInProgress}/${u.length}${u.snapshot === undefined ? '' : `s${u.snapshot.metadata.index}`}` +
    (u.snapshotInProgress ? 'i' : '') +
    ` M${r.msgs.length}/${r.msgsAfterAppend.length}/${r.readStates.length}${node.hasReady() ? 'h' : ''}` +
    `${dumpReads(r)}${dumpTracker(r)}`
  );
}

function dumpReads({ readOnly, pendingReadIndexMessages }: Raft): string {
  const waiting = readOnly.lastRead - readOnly.confirmedReads;
  let text = ` R${readOnly.confirmedReads}/${waiting}/${pendingReadIndexMessages.length}`;
  const acks = readOnly['acks'];
  if (acks.size > 0) {
    for (const id of ascending(acks.keys())) text += `,${id}/${acks.get(id)}`;
  }
  return text;
}

function dumpTracker({ trk }: Raft): string {
  let text = ` ${configText(trk.config)}`;
  if (trk.votes.size > 0) {
    for (const id of ascending(trk.votes.keys())) text += ` v${id}${trk.votes.get(id) === true ? '+' : ''}`;
  }
  for (const pr of trk.ordered) text += dumpProgress(pr);
  return text;
}

function dumpProgress(pr: Progress): string {
  let text = ` ${pr.id}:${pr.match}/${pr.next}/${pr.sentCommit}/${progressStates[pr.state]}/${pr.pendingSnapshot}`;
  if (pr.isLearner) text += 'l';
  if (pr.recentActive) text += 'a';
  if (pr.msgAppFlowPaused) text += 'p';
  if (pr.inflights.count > 0) {
    for (const { index, bytes } of pr.inflights) text += `~${index}/${bytes}`;
  }
  return text;
}

/**
 * A Ready in etcd's words, and then what these leave out: presence and size of entries, the bytes of membership
 * changes, contexts, the data of snapshots.
 */
export function readyText(rd: Ready): string {
  const words = withoutDecoderTexts(describeReady(rd, quoteBytes), rd);
  const messages = rd.messages.map((m) => `;${messageDetails(m)}`).join('');
  return (
    `ready ${words.endsWith('\n') ? words.slice(0, -1) : words}\n` +
    `with ${entryDetails(rd.entries)};${snapshotDetails(rd.snapshot)}${entryDetails(rd.committedEntries)}${messages}\n`
  );
}

/** What a decoder says of a membership change that is none is its own affair: both sides say "undecodable". */
function withoutDecoderTexts(words: string, rd: Ready): string {
  let text = words;
  for (const entries of [rd.entries, rd.committedEntries, ...rd.messages.map((m) => m.entries)]) {
    for (const entry of entries) {
      if (!isConfChangeEntry(entry)) continue;
      try {
        decodeConfChangeEntry(entry);
      } catch (error) {
        text = text.replaceAll((error as Error).message, 'undecodable');
      }
    }
  }
  return text;
}

function messageDetails(m: Message): string {
  let text = m.context !== undefined && m.context.length > 0 ? ` ctx=${hex(m.context)}` : '';
  text += snapshotDetails(m.snapshot) + entryDetails(m.entries);
  for (const response of m.responses) text += `>${messageDetails(response)}`;
  return text;
}

function entryDetails(entries: readonly Entry[]): string {
  let text = '';
  for (const entry of entries) {
    text += ` ${entrySize(entry)}${entry.type === undefined ? '' : 't'}${entry.data === undefined ? '' : 'd'}`;
    if ((entry.type ?? EntryType.EntryNormal) !== EntryType.EntryNormal && entry.data !== undefined) {
      text += hex(entry.data);
    }
  }
  return text;
}

function snapshotDetails(snapshot: Snapshot | undefined): string {
  return isEmptySnap(snapshot) ? '' : ` snap=${snapshot.data === undefined ? '' : hex(snapshot.data)}`;
}

/** What the public face says of a member. */
export function statusText(status: Status, node: RawNode): string {
  // etcd's copy of the configuration leaves this out: docs/differs-from-etcd.md.
  let text = `status ${describeStatus(status)}\nconfig ${String(status.config).replace(/ autoleave$/, '')}\n`;
  for (const [id, pr] of status.progress) text += `progress ${id} ${pr}\n`;
  node.withProgress((id, type) => {
    text += `member ${id} ${type === 'ProgressTypePeer' ? 0 : 1}\n`;
  });
  return text;
}
