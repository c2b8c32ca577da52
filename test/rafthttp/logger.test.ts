import { type EventEmitter, once } from 'node:events';
import process from 'node:process';
import { encodeMessage } from '@raft-ts/proto';
import { MessageType, newMessage } from '@raft-ts/raft';
import { HttpTransport, type LogFields } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { append, exchangeRaw, post, Recorder, startMember, stopAll } from './members.js';

describe('rafthttp: what reaches the logger of the application', () => {
  afterEach(stopAll);

  it('prints, and is cut, whoever has worded it', async () => {
    const heard = new Promise<LogFields>((resolve) => {
      const transport = new HttpTransport({
        id: 1n,
        clusterId: 0x1000n,
        receiver: {
          process: () => Promise.resolve(),
          isIdRemoved: () => false,
          // Whatever an error of the outside says may hold what a stranger has sent.
          reportUnreachable: () => {
            throw new Error(`\u001b[2J\u202e\u009b\n${'x'.repeat(1 << 20)}`);
          },
          reportSnapshot: () => undefined,
        },
        logger: {
          debug: () => undefined,
          info: () => undefined,
          warn: () => undefined,
          error: (_, fields) => {
            resolve(fields);
            void transport.stop();
          },
        },
      });
      // Nobody listens on port 1.
      transport.addPeer(2n, ['http://127.0.0.1:1']);
      transport.send([{ ...newMessage(MessageType.MsgHeartbeat, 2n), from: 1n, term: 1 }]);
    });
    const { error } = await heard;
    expect(error).to.match(/^\\x1b\[2J\\u202e\\u009b\\nx+… and 1,048,\d+ more characters$/u);
    expect(String(error).length).to.be.lessThan(320);
  });

  it('may throw: whoever posted is answered, and nothing ends', async () => {
    const receiver = new Recorder();
    receiver.onProcess = () => {
      throw new Error('the log is full');
    };
    const { listener } = await startMember(1n, {
      receiver,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: () => {
          throw new Error('the disk of the log is full');
        },
        error: () => undefined,
      },
    });
    const answer = exchangeRaw(listener.address.port, post(2n, encodeMessage(append(2n, 1n, 4))));
    const over = new AbortController();
    const left = once(process as EventEmitter, 'unhandledRejection', { signal: over.signal }).catch(() => []);
    const first = await Promise.race([answer.then(({ status, body }) => `${status} ${body}`), left]);
    over.abort();
    expect(first).to.equal('500 error processing raft message\n');
  });
});
