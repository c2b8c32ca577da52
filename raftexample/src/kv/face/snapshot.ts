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

/** One copy that is being read. */
interface Reading {
  readonly response: ServerResponse;
  /** Since when `bytes` are counted: not since the beginning, where sockets take much at once. */
  since: number;
  bytes: number;
}

type SnapshotLimits = Pick<FaceLimits, 'maxSnapshots' | 'slowSnapshotMs' | 'slowSnapshotBytes'>;

/** Answers with copies of the store, from which a new cluster can begin, piece by piece as the client takes them. */
export class SnapshotReader {
  private readonly host: SnapshotHost;
  private readonly limits: SnapshotLimits;
  /** A copy keeps what is overwritten meanwhile, so there are few at a time. */
  private readonly readings = new Set<Reading>();

  constructor(host: SnapshotHost, limits: SnapshotLimits) {
    this.host = host;
    this.limits = limits;
  }

  async answer(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { replica, machine, status } = this.host;
    const reading = this.admit(response);
    try {
      const { clusterId } = status();
      const { index, term, chunks } = await replica.read(() => {
        const { applied } = replica;
        const snapshot = kvFormat.wrap(replica.snapshotHead(), inTurn(machine.snapshot()));
        return { ...applied, chunks: writeCopy({ clusterId, ...applied }, snapshot) };
      });
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Raft-Index': String(index),
        'Raft-Term': String(term),
        'Content-Disposition': `attachment; filename="store-${index}.json"`,
      });
      await pipeline(Readable.from(this.counted(chunks, reading)), response);
    } catch (error) {
      // The client has gone, or took nothing for so long that its connection was closed.
      if (!response.headersSent) throw error;
      response.destroy();
    } finally {
      this.readings.delete(reading);
    }
  }

  /** Takes one more; one that is hardly taken loses its place to it. @throws HttpError 503 if there is no place */
  private admit(response: ServerResponse): Reading {
    const { maxSnapshots, slowSnapshotMs, slowSnapshotBytes } = this.limits;
    const now = performance.now();
    if (this.readings.size >= maxSnapshots) {
      const slow = [...this.readings].find(
        ({ since, bytes }) => now - since > slowSnapshotMs && bytes < ((now - since) / 1000) * slowSnapshotBytes,
      );
      if (slow === undefined)
        throw new HttpError('ERR_KV_BUSY', 'snapshots', `${maxSnapshots} snapshots are being read on this member`);
      this.readings.delete(slow);
      slow.response.destroy();
    }
    const reading = { response, since: now, bytes: 0 };
    this.readings.add(reading);
    return reading;
  }

  private async *counted(chunks: AsyncIterable<Uint8Array>, reading: Reading): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      reading.bytes += chunk.length;
      yield chunk;
      const now = performance.now();
      if (now - reading.since < this.limits.slowSnapshotMs) continue;
      reading.since = now;
      reading.bytes = 0;
    }
  }
}

/** Of a view that was fixed by the caller: a generator would fix it only when it is read from, some commands later. */
async function* inTurn(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
}
