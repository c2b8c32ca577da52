import { type FsFile, readFully } from '../base/fs.js';
import { updateCrc } from '../format/crc.js';
import { FrameDecoder } from '../format/frame.js';
import { decodeRecord, RecordType } from '../format/record.js';

/** Metadata are the second record of a file, and short. */
const HEAD_BYTES = 65_536;

/** Reads the metadata at the head of a file; returns undefined if they cannot be read. */
export async function readMetadata(file: FsFile): Promise<{ readonly metadata: Uint8Array | undefined } | undefined> {
  const bytes = new Uint8Array(Math.min(HEAD_BYTES, await file.size()));
  const count = await readFully(file, bytes, 0);
  const decoder = new FrameDecoder(count);
  decoder.push(bytes.subarray(0, count));
  let chain = 0;
  try {
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      const { type, crc, data } = decodeRecord(frame.bytes, frame.start, frame.end);
      if (type === RecordType.Crc) chain = crc;
      if (type !== RecordType.Metadata) continue;
      return crc === (data === undefined ? chain : updateCrc(chain, data)) ? { metadata: data?.slice() } : undefined;
    }
  } catch {
    // Not a record.
  }
  return undefined;
}
