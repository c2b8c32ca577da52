import type { Fs, FsFile, LockOptions, OpenOptions } from '@raft-ts/raftwal';
import { defaultFs } from '@raft-ts/raftwal/internal';

export type Operation =
  | 'open'
  | 'rename'
  | 'unlink'
  | 'readdir'
  | 'mkdir'
  | 'rmdir'
  | 'syncDirectory'
  | 'read'
  | 'write'
  | 'datasync'
  | 'truncate';

/** Called before each operation: may wait, or throw. */
export type Hook = (operation: Operation, path: string) => void | Promise<void>;

export function fileError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

/** This machine's file system, with a hook before each call. */
export class FaultyFs implements Fs {
  hook: Hook = () => {};
  readonly calls: string[] = [];
  private readonly real: Fs = defaultFs();

  async at(operation: Operation, path: string): Promise<void> {
    this.calls.push(`${operation} ${path.split('/').at(-1)}`);
    await this.hook(operation, path);
  }

  async open(path: string, options?: OpenOptions): Promise<FsFile> {
    await this.at('open', path);
    return new FaultyFile(this, path, await this.real.open(path, options));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.at('rename', from);
    await this.real.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    await this.at('unlink', path);
    await this.real.unlink(path);
  }

  async readdir(path: string): Promise<string[]> {
    await this.at('readdir', path);
    return this.real.readdir(path);
  }

  async mkdir(path: string): Promise<void> {
    await this.at('mkdir', path);
    await this.real.mkdir(path);
  }

  async rmdir(path: string): Promise<void> {
    await this.at('rmdir', path);
    await this.real.rmdir(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.at('syncDirectory', path);
    await this.real.syncDirectory(path);
  }
}

class FaultyFile implements FsFile {
  private readonly fs: FaultyFs;
  private readonly path: string;
  private readonly real: FsFile;

  constructor(fs: FaultyFs, path: string, real: FsFile) {
    this.fs = fs;
    this.path = path;
    this.real = real;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.fs.at('read', this.path);
    return this.real.read(into, position);
  }

  async write(from: Uint8Array, position: number): Promise<number> {
    await this.fs.at('write', this.path);
    return this.real.write(from, position);
  }

  async datasync(): Promise<void> {
    await this.fs.at('datasync', this.path);
    await this.real.datasync();
  }

  async truncate(size: number): Promise<void> {
    await this.fs.at('truncate', this.path);
    await this.real.truncate(size);
  }

  size(): Promise<number> {
    return this.real.size();
  }

  lock(options?: LockOptions): Promise<boolean> {
    return this.real.lock(options);
  }

  close(): Promise<void> {
    return this.real.close();
  }
}
