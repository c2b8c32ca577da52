import { existsSync, readFileSync } from 'node:fs';
import type { Entry, Message, Snapshot } from '@raft-ts/proto';

/** The committed selection; the compiled tests lie in test/dist/rafthttp. */
const fixtures = new URL('../../rafthttp/fixtures/', import.meta.url);

/** All vectors, if the folder that holds them lies beside the project. */
const shared = new URL('../../../../shared/vectors/', import.meta.url);

export interface JsonEntry {
  type: number | null;
  term: string | null;
  index: string | null;
  data: string | null;
}

export interface JsonMessage {
  type: number | null;
  to: string | null;
  from: string | null;
  term: string | null;
  logTerm: string | null;
  index: string | null;
  entries: JsonEntry[];
  commit: string | null;
  snapshot: JsonSnapshot | null;
  reject: boolean | null;
  rejectHint: string | null;
  context: string | null;
  vote: string | null;
  responses: JsonMessage[];
}

interface JsonSnapshot {
  data: string | null;
  metadata: {
    confState: {
      voters: string[];
      learners: string[];
      votersOutgoing: string[];
      learnersNext: string[];
      autoLeave: boolean | null;
    } | null;
    index: string | null;
    term: string | null;
  } | null;
}

export interface StreamVector {
  name: string;
  codec: 'msgapp' | 'message';
  hex: string;
  frames: { length: number; sent: JsonMessage | null; decoded: JsonMessage | null }[];
}

export interface CraftedStream {
  name: string;
  codec: 'msgapp' | 'message';
  hex: string;
  decoded: JsonMessage[];
  outcome: 'end of body' | 'error' | 'process ends';
}

export interface Exchange {
  name: string;
  request: {
    method: string;
    path: string;
    headers: [string, string][];
    bodyHex: string;
    framing: 'length' | 'chunked' | 'cut-length' | 'cut-chunked';
  };
  response: { status: number; headers: [string, string][]; text: string; framing: string };
  processed?: { type: number | null; to: string | null; from: string | null }[];
  /** Bodies of snapshots that were stored, as hex. */
  files?: Record<string, string>;
}

export interface RecordedRequest {
  name: string;
  head: string[];
  bodyHex: string;
  answer: string;
  effects?: string;
  /** The body of a streamed snapshot. */
  dbHex?: string;
}

export function crafted(): CraftedStream[] {
  return lines<CraftedStream>(pick('streams/crafted.jsonl', 'crafted.jsonl'));
}

export function exchanges(): Exchange[] {
  return lines<Exchange>(pick('http/exchanges.jsonl', 'exchanges.jsonl'));
}

export function requests(): RecordedRequest[] {
  return lines<RecordedRequest>(pick('http/requests.jsonl', 'requests.jsonl'));
}

/** The committed streams, and those beside the project. */
export function recordedStreams(): StreamVector[] {
  const found = lines<StreamVector>(new URL('streams.jsonl', fixtures));
  const more = ['both-open', 'large', 'reconnect-1', 'reconnect-2'].map((name) => `msgappv2-${name}`);
  for (const name of [...more, 'message-both-open', 'message-many']) {
    const body = new URL(`streams/${name}.bin`, shared);
    if (!existsSync(body)) continue;
    const described = JSON.parse(readFileSync(new URL(`streams/${name}.json`, shared), 'utf8')) as StreamVector;
    found.push({ ...described, name, hex: readFileSync(body).toString('hex') });
  }
  return found;
}

function pick(inShared: string, inFixtures: string): URL {
  const url = new URL(inShared, shared);
  return existsSync(url) ? url : new URL(inFixtures, fixtures);
}

function lines<T>(url: URL): T[] {
  return readFileSync(url, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export function toMessage(json: JsonMessage): Message {
  return {
    type: (json.type ?? 0) as Message['type'],
    to: BigInt(json.to ?? 0),
    from: BigInt(json.from ?? 0),
    term: Number(json.term ?? 0),
    logTerm: Number(json.logTerm ?? 0),
    index: Number(json.index ?? 0),
    entries: json.entries.map(toEntry),
    commit: Number(json.commit ?? 0),
    vote: BigInt(json.vote ?? 0),
    snapshot: json.snapshot === null ? undefined : toSnapshot(json.snapshot),
    reject: json.reject ?? false,
    rejectHint: Number(json.rejectHint ?? 0),
    context: toBytes(json.context),
    responses: json.responses.map(toMessage),
  };
}

function toEntry(json: JsonEntry): Entry {
  return {
    type: (json.type ?? undefined) as Entry['type'],
    term: Number(json.term ?? 0),
    index: Number(json.index ?? 0),
    data: toBytes(json.data),
  };
}

function toSnapshot(json: JsonSnapshot): Snapshot {
  const ids = (list: string[] | undefined): bigint[] => (list ?? []).map(BigInt);
  const confState = json.metadata?.confState;
  return {
    data: toBytes(json.data),
    metadata: {
      confState: {
        voters: ids(confState?.voters),
        learners: ids(confState?.learners),
        votersOutgoing: ids(confState?.votersOutgoing),
        learnersNext: ids(confState?.learnersNext),
        autoLeave: confState?.autoLeave ?? false,
      },
      index: Number(json.metadata?.index ?? 0),
      term: Number(json.metadata?.term ?? 0),
    },
  };
}

function toBytes(hex: string | null): Uint8Array | undefined {
  return hex === null ? undefined : new Uint8Array(Buffer.from(hex, 'hex'));
}

/**
 * A message in a form that reads well when a test fails, and in which absent and empty bytes are one, as on the wire.
 */
export function show(message: Message): unknown {
  return JSON.parse(
    JSON.stringify(message, (key, value: unknown) => {
      if (typeof value === 'bigint') return String(value);
      if (value instanceof Uint8Array)
        return value.length === 0 && key === 'context' ? undefined : Buffer.from(value).toString('hex');
      return value;
    }),
  );
}
