import { ByteQueue } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';

describe('ByteQueue', () => {
  it('hands out the bytes that went in, however they came', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
    const sizes = fc.array(fc.nat(30), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(chunks, sizes, (input, wanted) => {
        const queue = new ByteQueue();
        const out: number[] = [];
        let turn = 0;
        for (const chunk of input) {
          queue.push(chunk);
          for (;;) {
            const size = wanted[turn % wanted.length] as number;
            const bytes = queue.take(size);
            if (bytes === undefined) break;
            expect(bytes.length).to.equal(size);
            out.push(...bytes);
            turn++;
            // Only nothing can be had from nothing without an end.
            if (size === 0 && wanted.every((n) => n === 0)) break;
          }
        }
        const all = Buffer.concat(input);
        expect(Buffer.from(out).equals(all.subarray(0, out.length))).to.equal(true);
        if (!wanted.every((n) => n === 0)) expect(out.length + queue.length).to.equal(all.length);
      }),
    );
  });
});
