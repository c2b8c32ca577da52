import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  decodeMessage,
  type Entry,
  encodeEntry,
  encodeMessage,
  MessageType,
  messageSize,
  newMessage,
} from '@raft-ts/proto';
import { encodeEntryHeadInto, encodeMessageInto } from '@raft-ts/proto/internal';
import { expect } from 'chai';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const LARGEST = Number.MAX_SAFE_INTEGER;
const LARGEST_ID = 2n ** 64n - 1n;

describe('room and memory of the codec', () => {
  it('messages of the longest fields fit, wherever in the shared memory they begin', () => {
    const longest = {
      ...newMessage(MessageType.MsgAppResp, LARGEST_ID),
      from: LARGEST_ID,
      term: LARGEST,
      logTerm: LARGEST,
      index: LARGEST,
      commit: LARGEST,
      vote: LARGEST_ID,
      reject: true,
      rejectHint: LARGEST,
      context: new Uint8Array(127).fill(7),
    };
    const encoded = Array.from({ length: 1000 }, (_, i) => encodeMessage({ ...longest, index: LARGEST - i }));
    for (const [i, bytes] of encoded.entries()) {
      expect(decodeMessage(bytes)).to.deep.equal({ ...longest, index: LARGEST - i });
    }
  });

  it('entries of any length have a length before them that fits, and nothing after them is touched', () => {
    const lengths = [...Array(300).keys(), 16_350, 16_365, 16_370, 16_375, 16_383, 16_384, 16_390];
    for (const length of lengths) {
      for (const index of [0, 5, LARGEST]) {
        const entry: Entry = { type: 0, term: index, index, data: new Uint8Array(length).fill(7) };
        const m = { ...newMessage(MessageType.MsgApp, 2n), entries: [entry, entry] };
        const size = messageSize(m);
        const target = new Uint8Array(size + 32).fill(0xee);
        expect(encodeMessageInto(m, target, 0)).to.equal(size);
        expect(target.subarray(size).every((byte) => byte === 0xee)).to.equal(true);
        const wire = Buffer.from(target.buffer, 0, size);
        const one = Buffer.from(encodeEntry(entry));
        const at = wire.length - one.length;
        expect(wire.subarray(at).equals(one)).to.equal(true);
        expect(decodeMessage(wire)).to.deep.equal(m);
        expect(Buffer.from(encodeMessage(m)).equals(wire)).to.equal(true);
      }
    }
  });

  it('the head of an entry is refused by a buffer that is a byte too short for it', () => {
    const entry: Entry = { type: 0, term: 1, index: 2, data: new Uint8Array(65_536) };
    const head = encodeEntryHeadInto(entry, new Uint8Array(64), 0);
    expect(encodeEntryHeadInto(entry, new Uint8Array(head), 0)).to.equal(head);
    expect(() => encodeEntryHeadInto(entry, new Uint8Array(head - 1), 0))
      .to.throw()
      .that.includes({ code: 'ERR_RAFT_ENCODE', reason: 'no-room' });
  });

  it('what was decoded keeps nothing of the memory it was read from', async () => {
    const read = (bytes: Uint8Array): WeakRef<ArrayBufferLike> => {
      expect(decodeMessage(bytes).to).to.equal(1n);
      return new WeakRef(bytes.buffer);
    };
    const memory = read(new Uint8Array(encodeMessage(newMessage(MessageType.MsgHeartbeat, 1n))));
    // A WeakRef holds what it points at until the end of the turn.
    await new Promise(setImmediate);
    collectGarbage();
    expect(memory.deref()).to.equal(undefined);
  });
});
