import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { DirectoryNode, type Disk, FileNode, type Place } from './disk.js';
import { ZERO_SECTOR } from './sector.js';

/** The share of places that hold something; the others are any. */
const USED = 0.8;

/**
 * Draws a sector of a file that is on the disk as it was written: each file is as likely as any other, however long it
 * is. Undefined if there is none.
 */
export function drawPlace(disk: Disk, draw: (n: number) => number): Place | undefined {
  const files = [...filesIn(disk.root)].filter((file) => sectorsOf(file).length > 0);
  const file = files[draw(Math.max(1, files.length))];
  if (file === undefined) return undefined;
  const all = sectorsOf(file);
  const used = all.filter((sector) => file.durable[sector]?.equals(ZERO_SECTOR) === false);
  const sectors = used.length > 0 && draw(100) < 100 * USED ? used : all;
  return { node: file.id, sector: sectors[draw(sectors.length)] as number };
}

/** Returns what a sector becomes if one bit of it changes. */
export function rotted(disk: Disk, { node, sector }: Place, draw: (n: number) => number): Uint8Array {
  const file = [...filesIn(disk.root)].find(({ id }) => id === node);
  const bytes = (file?.durable[sector] ?? ZERO_SECTOR).bytes.slice();
  const at = draw(SECTOR_SIZE);
  bytes[at] = (bytes[at] as number) ^ (1 << draw(8));
  return bytes;
}

function* filesIn(directory: DirectoryNode): Generator<FileNode> {
  for (const node of directory.names.values()) {
    if (node instanceof FileNode) yield node;
    else yield* filesIn(node);
  }
}

/** The sectors of which nothing waits to be written. */
function sectorsOf({ durable, durableSize, pending }: FileNode): readonly number[] {
  const count = Math.min(durable.length, Math.ceil(durableSize / SECTOR_SIZE));
  return Array.from({ length: count }, (_, sector) => sector).filter((sector) => !pending.has(sector));
}
