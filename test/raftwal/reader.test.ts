import { Wal } from '@raft-ts/raftwal';
import { RecordBuffer, RecordEncoder, RecordType } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { entries, entry, indexes, state } from './logs.js';
import { TracedFs } from './traced.js';

describe('a log, read call by call', () => {
  it('is whole, however short the single reads and writes are', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
    await wal.save(state(1, 1n, 1), entries(1, 50));
    await wal.close();
    const short = new TracedFs(
      { fault: ({ op }) => (op === 'read' || op === 'write' ? { short: 100 } : undefined) },
      fs.disk,
    );
    const again = await Wal.open('/wal', { fs: short, segmentSize: 8192 });
    expect(indexes((await again.readAll()).entries)).to.deep.equal(indexes(entries(1, 50)));
    await again.save(undefined, [{ ...entry(51), data: new Uint8Array(3000).fill(5) }]);
    await again.close();
    const reader = await Wal.open('/wal', { fs, readOnly: true });
    const content = await reader.readAll();
    await reader.close();
    expect(indexes(content.entries)).to.deep.equal(indexes(entries(1, 51)));
    expect(short.leftOpen.concat(fs.leftOpen)).to.deep.equal([]);
  });
});

describe('padding', () => {
  it('is of zeros, whatever the memory held before', () => {
    for (let length = 0; length < 16; length++) {
      const out = new RecordBuffer();
      out.bytes.fill(0xff);
      const encoder = new RecordEncoder(0);
      encoder.entry(out, { ...entry(1), data: new Uint8Array(length).fill(0xff) });
      encoder.record(out, RecordType.Metadata, new Uint8Array(length).fill(0xff));
      for (let at = 0; at < out.length; ) {
        const size = out.bytes[at] as number;
        const padding = (out.bytes[at + 7] as number) & 7;
        const end = at + 8 + size + padding;
        expect([...out.bytes.subarray(end - padding, end)]).to.deep.equal(Array(padding).fill(0));
        expect(end % 8).to.equal(0);
        at = end;
      }
    }
  });
});
