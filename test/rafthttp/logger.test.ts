import { MessageType, newMessage } from '@raft-ts/raft';
import { HttpTransport, type LogFields } from '@raft-ts/rafthttp';
import { expect } from 'chai';

describe('rafthttp: what reaches the logger of the application', () => {
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
    expect(error).to.match(/^Error: \\x1b\[2J\\u202e\\u009b\\nx+… and 1,048,\d+ more characters$/u);
    expect(String(error).length).to.be.lessThan(320);
  });
});
