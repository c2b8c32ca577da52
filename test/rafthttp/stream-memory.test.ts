import { ByteQueue, WriteBuffer } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

describe('memory of a stream', () => {
  it('is taken for what has come, not for what was announced', () => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(1000));
    expect(queue.next(400 * 1024 * 1024)).to.equal(false);
    expect((queue as unknown as { gathered: Uint8Array }).gathered.length).to.be.at.most(256 * 1024);
  });

  it('has room for the end of a chunk, however the bytes fill it', () => {
    for (let length = 4060; length <= 4100; length++) {
      const out = new WriteBuffer();
      out.room(length).fill(7, out.at, out.at + length);
      out.advanceTo(out.at + length);
      const chunk = Buffer.concat(out.chunk()).toString('latin1');
      expect(chunk.startsWith(`${length.toString(16)}\r\n`)).to.equal(true);
      expect(chunk).to.have.length(length + length.toString(16).length + 4);
      expect(chunk.endsWith('\u0007\r\n')).to.equal(true);
    }
  });

  it('is used again, but not if one write has blown it up', () => {
    const small = new WriteBuffer();
    small.room(1000);
    expect(small.reusable).to.not.equal(undefined);
    const large = new WriteBuffer();
    large.room(4 * 1024 * 1024);
    expect(large.reusable).to.equal(undefined);
  });
});
