/** The limit that a log is measured against: bare writes of the same bytes. */
import { close, constants, open, write } from 'node:fs';
import type { Entry, HardState } from '@raft-ts/proto';
import { defaultFs, preallocate, RecordBuffer, RecordEncoder } from '@raft-ts/raftwal/internal';

const RAW_SIZE = 64_000_000;

export function entriesFrom(next: number, count: number, data: Uint8Array): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ type: 0, term: 1, index: next + i, data }));
}

export function stateAt(commit: number): HardState {
  return { term: 1, vote: 1n, commit };
}

/** A file that is set aside, and written as Node writes it when nothing else is to be done. */
export class RawFile {
  private readonly fd: number;
  private offset = 0;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static async make(path: string): Promise<RawFile> {
    await preallocate(defaultFs(), path, RAW_SIZE);
    const fd = await new Promise<number>((resolve, reject) => {
      open(path, constants.O_RDWR | constants.O_DSYNC, (error, opened) =>
        error === null ? resolve(opened) : reject(error),
      );
    });
    return new RawFile(fd);
  }

  append(data: Uint8Array): Promise<void> {
    if (this.offset + data.length > RAW_SIZE) this.offset = 0;
    const { offset } = this;
    this.offset += data.length;
    return new Promise((resolve, reject) => {
      write(this.fd, data, 0, data.length, offset, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  end(): Promise<void> {
    return new Promise((resolve) => close(this.fd, () => resolve()));
  }
}

/** Bytes on disk of one batch. */
export function bytesOf(entries: readonly Entry[]): number {
  const encoder = new RecordEncoder(0);
  const out = new RecordBuffer();
  for (const one of entries) encoder.entry(out, one);
  encoder.state(out, stateAt(1000));
  return out.length;
}
