import { readdirSync } from 'node:fs';
import type { Message, Snapshot } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { chunksOf, introduce, type Member, scratchFolder, snapshot, startMember, stopAll } from './members.js';

const MIB = 2 ** 20;

/** A MsgSnap of member 1 to member 2 whose body travels beside it. */
function envelope(): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as Snapshot).metadata, index: 9, term: 1 };
  return { ...one, snapshot: { data: undefined, metadata } };
}

type Inspect = (message: Message, chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

describe('a streamed snapshot whose receiver looks at it while it arrives', () => {
  afterEach(stopAll);

  async function start(inspect: Inspect): Promise<{ a: Member; b: Member; folder: string; bodies: SnapshotFolder }> {
    const folder = scratchFolder();
    const bodies = new SnapshotFolder(folder);
    const [a, b] = [await startMember(1n), await startMember(2n, { snapshots: bodies })];
    Object.assign(b.receiver, { inspectSnapshot: inspect });
    a.transport.addPeer(2n, [b.listener.url]);
    introduce(b, [a]);
    return { a, b, folder, bodies };
  }

  const send = (a: Member, body: Uint8Array): Promise<string> =>
    a.transport.sendSnapshot(envelope(), { size: body.length, chunks: chunksOf(body, 65_536) });

  it('shows it what is stored, with the very message that is processed afterwards', async () => {
    for (const length of [0, 1, 3 * MIB + 7]) {
      const body = Buffer.alloc(length, 'some body ');
      const seen: Uint8Array[] = [];
      let shown: Message | undefined;
      const { a, b, bodies } = await start(async function* (message, chunks) {
        shown = message;
        for await (const chunk of chunks) {
          seen.push(Uint8Array.from(chunk));
          yield chunk;
        }
      });
      b.receiver.onProcess = async (message) => {
        expect(message).to.equal(shown);
        const stored: Uint8Array[] = [];
        for await (const chunk of (await bodies.open(message.snapshot as Snapshot)).chunks) stored.push(chunk);
        expect(Buffer.concat(stored).equals(body)).to.equal(true);
      };
      expect(await send(a, body)).to.equal('finish');
      expect(Buffer.concat(seen).equals(body)).to.equal(true);
      expect(b.receiver.processed).to.have.length(1);
      await stopAll();
    }
  });

  it('keeps nothing of it, and processes no message, if the receiver throws: at once, on the way, at the end', async () => {
    for (const after of [0, 2 * MIB, Number.POSITIVE_INFINITY]) {
      const { a, b, folder } = await start(async function* (_, chunks) {
        let bytes = 0;
        for await (const chunk of chunks) {
          bytes += chunk.length;
          if (bytes > after) throw new Error('it is damaged');
          yield chunk;
        }
        throw new Error('it is damaged');
      });
      expect(await send(a, Buffer.alloc(4 * MIB, 'x'))).to.equal('failure');
      await b.transport.stop();
      expect(readdirSync(folder)).to.deep.equal([]);
      expect(b.receiver.processed).to.deep.equal([]);
      expect(b.receiver.log.join('\n')).to.include('it is damaged');
      await stopAll();
    }
  });
});
