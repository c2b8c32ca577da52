import { setImmediate as turn } from 'node:timers/promises';
import { MessageType } from '@raft-ts/proto';
import { Inbox, MAX_PROCESSING, MAX_PROCESSING_PROPOSALS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { message, Recorder } from './members.js';
import { contextOf, warnings } from './recorded-context.js';

describe('Inbox: a place is free again', () => {
  const inboxOf = (receiver: Recorder): Inbox => {
    const { gateway, logger } = contextOf(receiver);
    return new Inbox(2n, gateway, logger);
  };
  const beat = message(MessageType.MsgHeartbeat, 2n, 1n);
  const proposal = message(MessageType.MsgProp, 2n, 1n);

  for (const [what, one, most] of [
    ['messages', beat, MAX_PROCESSING],
    ['proposals', proposal, MAX_PROCESSING_PROPOSALS],
  ] as const) {
    for (const [how, ends] of [
      ['rejected', () => Promise.reject(new Error('refused'))],
      ['processed', () => Promise.resolve()],
    ] as const) {
      it(`after ${what} that were ${how}`, async () => {
        const receiver = new Recorder();
        receiver.onProcess = ends;
        const inbox = inboxOf(receiver);
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < most; i++) inbox.deliver(one);
          await turn();
        }
        expect(receiver.processed).to.have.length(3 * most);
        expect(warnings(receiver)).to.deep.equal([]);
      });
    }
  }

  it('also if the receiver throws at once, which goes no further', () => {
    const receiver = new Recorder();
    receiver.onProcess = () => {
      throw new Error('refused');
    };
    const inbox = inboxOf(receiver);
    for (let i = 0; i < MAX_PROCESSING + 1; i++) inbox.deliver(beat);
    expect(receiver.processed).to.have.length(MAX_PROCESSING + 1);
  });

  it('for as many as documented, and each time that more are dropped it is told once', async () => {
    const receiver = new Recorder();
    let settle: (() => void)[] = [];
    receiver.onProcess = () => new Promise<void>((resolve) => settle.push(resolve));
    const inbox = inboxOf(receiver);
    for (let round = 1; round <= 2; round++) {
      for (let i = 0; i < MAX_PROCESSING + 3; i++) inbox.deliver(beat);
      expect(receiver.processed).to.have.length(round * MAX_PROCESSING);
      expect(warnings(receiver)).to.have.length(round);
      for (const one of settle) one();
      settle = [];
      await turn();
    }
  });
});
