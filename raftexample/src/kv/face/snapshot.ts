import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Replica } from '@raft-ts/replica';
import { writeCopy } from '../machine/backup.js';
import { kvFormat } from '../machine/kv-format.js';
import type { KvCommand, KvMachine, KvResult } from '../machine/kv-machine.js';
import { HttpError } from './answers.js';
import type { FaceLimits } from './limits.js';

export interface SnapshotHost {
  readonly replica: Replica<KvCommand, KvResult>;
  readonly machine: KvMachine;
  readonly status: () => { readonly clusterId: bigint };
}

/** Answers with copies of the store, from which a new cluster can begin, piece by piece as the client takes them. */
export class SnapshotReader {
  private readonly host: SnapshotHost;
  private readonly limits: Pick<FaceLimits, 'maxSnapshots'>;
  /** A copy keeps what is overwritten meanwhile, so there are few at a time. */
  private reading = 0;

  constructor(host: SnapshotHost, limits: Pick<FaceLimits, 'maxSnapshots'>) {
    this.host = host;
    this.limits = limits;
  }

  async answer(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { replica, machine, status } = this.host;
    const { maxSnapshots } = this.limits;
    if (this.reading >= maxSnapshots)
      throw new HttpError('ERR_KV_BUSY', 'snapshots', `${maxSnapshots} snapshots are being read on this member`);
    this.reading++;
    try {
      const { clusterId } = status();
      const { index, term, chunks } = await replica.read(() => {
        const { applied } = replica;
        const snapshot = kvFormat.wrap(replica.snapshotHead(), piecesOf(machine));
        return { ...applied, chunks: writeCopy({ clusterId, ...applied }, snapshot) };
      });
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Raft-Index': String(index),
        'Raft-Term': String(term),
        'Content-Disposition': `attachment; filename="store-${index}.json"`,
      });
      await pipeline(Readable.from(chunks), response);
    } catch (error) {
      // The client has gone, or took nothing for so long that its connection was closed.
      if (!response.headersSent) throw error;
      response.destroy();
    } finally {
      this.reading--;
    }
  }
}

async function* piecesOf(machine: KvMachine): AsyncGenerator<Uint8Array, void> {
  yield* machine.snapshot();
}
