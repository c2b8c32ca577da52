import type { NodeId } from '@raft-ts/raft';
import type { Format, SnapshotHead, UnwrappedSnapshot } from '@raft-ts/replica';
import { isWhole } from './fields.js';
import { checkState, headSections } from './kv-sections.js';
import { objectOf, parse, refuse, type SectionReader, SectionSplitter } from './snapshot-sections.js';

/**
 * A snapshot of the store is one JSON object. Its sections `members`, `removed` and `replica` make the head; all others
 * are the state machine's. Both are read from the same bytes, in whatever order the sections stand there.
 */
export const kvSnapshots: Pick<Format<unknown>, 'wrap' | 'unwrap'> = { wrap, unwrap };

const encoder = new TextEncoder();

/** @param state a JSON object with one section at least */
async function* wrap(head: SnapshotHead, state: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const members = Object.fromEntries(head.members.map(([id, url]) => [id.toString(), url]));
  const own = { lastId: head.lastId.toString(), promising: head.promising.map(String), features: head.features };
  yield encoder.encode(
    `{"members":${JSON.stringify(members)},"removed":[${head.removed.join(',')}],"replica":${JSON.stringify(own)},\n`,
  );
  let isFirst = true;
  for await (const piece of state) {
    // The brace that opens the state's object stands at the beginning already.
    yield isFirst ? piece.subarray(1) : piece;
    isFirst = false;
  }
}

function unwrap(chunks: AsyncIterable<Uint8Array>): Promise<UnwrappedSnapshot> {
  const head = new HeadReader();
  const splitter = new SectionSplitter((section) => head.readers.get(section) ?? { kind: 'skip' });
  let isRead = false;
  async function* bytes(): AsyncGenerator<Uint8Array, void> {
    isRead = true;
    for await (const chunk of chunks) {
      splitter.push(chunk);
      yield chunk;
    }
  }
  const state = bytes();
  return Promise.resolve({
    state,
    head: async () => {
      // A member that has accepted a snapshot cannot refuse it any more.
      if (!isRead) await checkState(state);
      splitter.end();
      return head.head();
    },
  });
}

/** Reads the sections that make the head. */
class HeadReader {
  readonly readers: ReadonlyMap<string, SectionReader>;
  private members: [NodeId, string][] = [];
  private removed: NodeId[] = [];
  private lastId = 0n;
  private promising: NodeId[] = [];
  private features = 0;

  constructor() {
    const take: Record<(typeof headSections)[number], (json: string) => void> = {
      members: (json) => {
        this.members = Object.entries(objectOf(json, 'members')).map(([id, url]) => [idOf(id), textOf(url)]);
      },
      removed: (json) => {
        if (json.includes('"')) throw refuse("its 'removed' holds texts");
        // Ids have 64 bits, which numbers of JSON do not keep: they become texts first.
        this.removed = idsOf(parse(json.replace(/\d+/gu, '"$&"')) ?? []);
      },
      replica: (json) => {
        const { lastId, promising, features = 0 } = objectOf(json, 'replica');
        this.lastId = lastId === '0' ? 0n : idOf(lastId);
        this.promising = idsOf(promising);
        this.features = levelOf(features);
      },
    };
    this.readers = new Map(headSections.map((name) => [name, { kind: 'whole', take: take[name] }]));
  }

  head(): SnapshotHead {
    const { members, removed, lastId, promising, features } = this;
    return { members, removed, lastId, promising, features, sessions: [] };
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw refuse('the address of a member is no text');
}

function levelOf(value: unknown): number {
  if (isWhole(value)) return value;
  throw refuse('the level of its features is no number');
}

function idsOf(value: unknown): NodeId[] {
  if (!Array.isArray(value)) throw refuse('a list of ids is none');
  return value.map(idOf);
}

function idOf(value: unknown): NodeId {
  if (typeof value === 'string' && /^[1-9]\d{0,19}$/u.test(value)) {
    const id = BigInt(value);
    if (id < 2n ** 64n) return id;
  }
  throw refuse(`'${String(value).slice(0, 40)}' is no id of a member`);
}
