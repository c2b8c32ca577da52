import { type FsFile, readFully } from './fs.js';

/** Number of bytes read at once: all the memory that a check takes. */
const PIECE = 1 << 20;

/** Returns the memory for a check, to be shared by several calls. */
export function newPiece(most: number = PIECE): Uint8Array {
  return new Uint8Array(Math.max(0, Math.min(PIECE, most)));
}

/** What `findNonZero` found. */
export interface ZerosFound {
  /** Offset just past the last byte that was read: the end of the part, or the end of the file if that comes first. */
  readonly end: number;
  /** Offset of the first byte that is not zero; undefined if there is none. */
  readonly nonZero: number | undefined;
}

/** Finds the first byte that is not zero in [from, to) of a file, or in as much of that range as the file has. */
export async function findNonZero(
  file: FsFile,
  from: number,
  to: number,
  piece: Uint8Array = newPiece(to - from),
): Promise<ZerosFound> {
  for (let at = from; at < to; ) {
    const wanted = piece.subarray(0, Math.min(piece.length, to - at));
    const read = wanted.subarray(0, await readFully(file, wanted, at));
    if (!isZeros(read)) {
      const nonZero = at + read.findIndex((byte) => byte !== 0);
      return { end: nonZero + 1, nonZero };
    }
    at += read.length;
    if (read.length < wanted.length) return { end: at, nonZero: undefined };
  }
  return { end: Math.max(from, to), nonZero: undefined };
}

/** All bytes are zero if the first one is, and each equals the next; one native call compares them all. */
function isZeros(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(0, -1), bytes.subarray(1)) === 0;
}
