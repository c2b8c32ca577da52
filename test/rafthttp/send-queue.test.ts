import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Message, MessageType, newMessage } from '@raft-ts/proto';
import { QUEUE_BYTES, SendQueue } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';

describe('SendQueue', () => {
  const withData = (index: number, length: number): Message => ({
    ...newMessage(MessageType.MsgApp, 2n),
    index,
    entries: [{ type: undefined, term: 1, index: 1, data: { length } as Uint8Array }],
  });

  it('keeps the order, within its capacity', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (pushes) => {
        const queue = new SendQueue(5);
        const model: number[] = [];
        for (const [i, isPush] of pushes.entries()) {
          if (isPush) {
            const taken = queue.push(withData(i, 0));
            expect(taken).to.equal(model.length < 5);
            if (taken) model.push(i);
          } else {
            expect(queue.shift()?.index).to.equal(model.shift());
          }
          expect(queue.length).to.equal(model.length);
        }
        expect(queue.clear().map(({ index }) => index)).to.deep.equal(model);
        expect(queue.length).to.equal(0);
      }),
    );
  });

  it('is bounded in bytes, but takes any message when it is empty', () => {
    const queue = new SendQueue(100);
    expect(queue.push(withData(1, QUEUE_BYTES + 1))).to.equal(true);
    expect(queue.push(withData(2, 1))).to.equal(false);
    queue.shift();
    expect(queue.push(withData(3, QUEUE_BYTES - 1))).to.equal(true);
    expect(queue.push(withData(4, 2))).to.equal(false);
    expect(queue.push(withData(5, 1))).to.equal(true);
  });

  it('lets go of what was taken out, though it never runs empty', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const queue = new SendQueue(100);
    const taken = ((): WeakRef<Message>[] => {
      queue.push(withData(0, 1));
      return Array.from({ length: 50 }, (_, i) => {
        queue.push(withData(i + 1, 1));
        return new WeakRef(queue.shift() as Message);
      });
    })();
    await turn();
    collectGarbage();
    expect(queue.length).to.equal(1);
    expect(taken.filter((message) => message.deref() !== undefined)).to.have.length(0);
  });
});

describe('SendQueue: its bytes', () => {
  const weighing = (bytes: number): Message => ({
    ...newMessage(MessageType.MsgApp, 2n),
    entries: [{ type: undefined, term: 1, index: 1, data: { length: bytes } as Uint8Array }],
  });

  it('are zero after clear, and fewer after shift', () => {
    const queue = new SendQueue(10);
    queue.push(weighing(QUEUE_BYTES));
    expect(queue.clear()).to.have.length(1);
    for (let i = 0; i < 4; i++) expect(queue.push(weighing(QUEUE_BYTES / 4))).to.equal(true);
    expect(queue.push(weighing(1))).to.equal(false);
    queue.shift();
    expect(queue.push(weighing(QUEUE_BYTES / 4))).to.equal(true);
    expect(queue.push(weighing(1))).to.equal(false);
  });

  it('include those of a snapshot', () => {
    const snapshot = (length: number): Message => ({
      ...newMessage(MessageType.MsgSnap, 2n),
      snapshot: {
        data: { length } as Uint8Array,
        metadata: {
          index: 1,
          term: 1,
          confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
        },
      },
    });
    const queue = new SendQueue(10);
    expect(queue.push(snapshot(QUEUE_BYTES))).to.equal(true);
    expect(queue.push(snapshot(1))).to.equal(false);
  });
});
