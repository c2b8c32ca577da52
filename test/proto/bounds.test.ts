import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeMessage, type Entry, encodeMessage, MessageType, newMessage } from '@raft-ts/proto';
import { encodeEntryHeadInto } from '@raft-ts/proto/internal';
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
