/** A process that has a log open: `node holder.js DIR`. Says so, and keeps it until it is killed. */
import { argv, stdout } from 'node:process';
import { Wal } from '@raft-ts/raftwal';

try {
  const wal = await Wal.open(argv[2] as string, { segmentSize: 8192 });
  const { entries } = await wal.readAll();
  await wal.save(undefined, [{ type: 0, term: 1, index: entries.length + 1, data: undefined }]);
  stdout.write('open\n');
  setInterval(() => {}, 1000);
} catch (error) {
  stdout.write(`${(error as { code?: string }).code}\n`);
}
