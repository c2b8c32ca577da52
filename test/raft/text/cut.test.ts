import {
  type ConfChangeSingle,
  ConfChangeType,
  confChangesFromString,
  describeConfChange,
  describeConfState,
  describeEntries,
  describeEntry,
  describeMessage,
  describeReady,
  type Entry,
  EntryType,
  emptyConfState,
  type Message,
  MessageType,
  newMessage,
  quoteBytes,
} from '@raft-ts/raft';
import { checkConfStatesEquivalent, MajorityConfig } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { confChangeEntry, idsBySize } from '../../helpers/index.js';

const ENOUGH = 600_000;
const long = new Uint8Array(2 ** 16);
const many = idsBySize(16_384);
const changes: ConfChangeSingle[] = many.map((nodeId) => ({ type: ConfChangeType.ConfChangeAddNode, nodeId }));
const change = { transition: 0, changes, context: long } as const;

function entry(data: Uint8Array | undefined, type?: EntryType): Entry {
  return { type, term: 1, index: 2, data };
}

function messageOf(entries: readonly Entry[], responses: readonly Message[] = []): Message {
  const m = newMessage(MessageType.MsgApp, 2n);
  m.entries = entries;
  m.responses = responses;
  return m;
}

function nested(depth: number): Message {
  return messageOf([entry(long)], depth === 0 ? [] : [nested(depth - 1), nested(depth - 1)]);
}

describe('texts of what strangers chose are cut, and say so', () => {
  const texts: readonly [name: string, text: () => string, said: RegExp][] = [
    ['an entry', () => describeEntry(entry(long)), / and 64,512 more bytes$/],
    ['a membership change in an entry', () => describeEntry(confChangeEntry(change)), / and 16128 more$/],
    ['a membership change', () => describeConfChange(change), / and 16128 more context:".*" and 64,512 more bytes$/],
    ['many entries', () => describeEntries(Array.from({ length: 5000 }, () => entry(long))), / and 49\d+ more\n$/],
    [
      'a message of many entries',
      () => describeMessage(messageOf(Array.from({ length: 5000 }, () => entry(long)))),
      / and 49\d+ more\n\n\]$/,
    ],
    ['a message of many responses', () => describeMessage(nested(7)), / and 1 more\n/],
    ['a membership', () => describeConfState({ ...emptyConfState(), learners: many }), / 256 and 16128 more\]/],
    ['a quorum', () => String(new MajorityConfig(many)), / 100 and 16128 more\)$/],
    [
      'a Ready',
      () =>
        describeReady({
          softState: undefined,
          hardState: undefined,
          readStates: Array.from({ length: 70_000 }, (_, index) => ({ index, requestCtx: long })),
          entries: [],
          snapshot: undefined,
          committedEntries: [],
          messages: [],
          mustSync: false,
        }),
      / and 69744 more\]\n$/,
    ],
  ];
  for (const [name, text, said] of texts) {
    it(name, () => {
      expect(text().length).to.be.below(ENOUGH);
      expect(text()).to.match(said);
    });
  }

  it('but not if the caller chooses how payloads are shown', () => {
    expect(describeEntry(entry(long), quoteBytes)).to.have.lengthOf(4 * long.length + 2 + '1/2 EntryNormal '.length);
  });

  it('errors about memberships and changes', () => {
    const refusal = (act: () => unknown): string => {
      try {
        act();
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    const other = { ...emptyConfState(), voters: many };
    expect(refusal(() => checkConfStatesEquivalent(other, emptyConfState()))).to.match(/more characters/);
    expect(refusal(() => checkConfStatesEquivalent(other, emptyConfState())).length).to.be.below(10_000);
    for (const text of ['x'.repeat(2 ** 20), `v${'y'.repeat(2 ** 20)}`]) {
      expect(refusal(() => confChangesFromString(text)).length).to.be.within(100, 1000);
    }
    expect(refusal(() => confChangesFromString('\u202ev1\u0085x'))).to.equal('unknown input: \\u202ev1\\u0085x');
  });
});
