import { codedFs } from '../base/coded-fs.js';
import { ERR_WAL_NOT_FOUND, WalError } from '../base/errors.js';
import { type Content, contentOf, recordTypeNames, type WalRecord } from '../format/record.js';
import { readMark } from '../mark/log-mark.js';
import { damageError } from '../read/damage.js';
import { readLog } from '../read/log-reader.js';
import type { Place } from '../read/segment-reader.js';
import { listSegments } from '../read/segments.js';
import { json, type Output, shownHex } from './output.js';

export interface DumpOptions {
  /** Entries below this index are omitted. */
  readonly from: number;
  readonly json: boolean;
  readonly out: Output;
  /** Resolves when the output has been read. */
  readonly drained: () => Promise<void>;
}

/** Number of voters of a snapshot that a line names. */
const SHOWN_VOTERS = 32;

const kinds: Readonly<Record<Content['kind'], number>> = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 };

/** Prints every record of a log as it is read. Resolves to the exit status. @throws if the log does not end well */
export async function dump(dir: string, { from, json: asJson, out, drained }: DumpOptions): Promise<number> {
  const fs = codedFs(undefined);
  const mark = await readMark(fs, dir);
  const segments = await listSegments(fs, dir);
  if (segments.length === 0) throw new WalError(ERR_WAL_NOT_FOUND, `${dir} holds no log`);
  const record = (read: WalRecord, place: Place): void => {
    const content = contentOf(read);
    if (content.kind === 'entry' && content.entry.index < from) return;
    out(asJson ? jsonLine(content, place) : textLine(content, place));
  };
  const { damage } = await readLog({ fs, dir, segments, mark }, { record, progress: drained });
  if (damage === undefined) return 0;
  throw damageError(damage);
}

function jsonLine(content: Content, { segment, offset, size }: Place): string {
  return json({
    file: segment.name,
    offset,
    size,
    type: recordTypeNames[kinds[content.kind]],
    ...content,
    kind: undefined,
  });
}

function textLine(content: Content, { segment, offset, size }: Place): string {
  const place = `${segment.name} ${String(offset).padStart(9)} ${String(size).padStart(7)}`;
  return `${place}  ${(recordTypeNames[kinds[content.kind]] as string).padEnd(8)}  ${summary(content)}`.trimEnd();
}

function summary(content: Content): string {
  switch (content.kind) {
    case 'metadata':
      return content.metadata === undefined ? 'none' : shownHex(content.metadata);
    case 'entry': {
      const { index, term, type, data } = content.entry;
      const names = ['normal', 'membership change', 'membership change V2'];
      return `${index} of term ${term}, ${names[type ?? 0] ?? `type ${type}`}, ${data?.length ?? 0} bytes`;
    }
    case 'state': {
      const { term, vote, commit } = content.state;
      return `term ${term}, vote ${vote.toString(16)}, commit ${commit}`;
    }
    case 'snapshot': {
      const { index, term, confState } = content.snapshot;
      const voters = confState?.voters ?? [];
      const names = voters.slice(0, SHOWN_VOTERS).map((id) => id.toString(16));
      const more = voters.length - names.length;
      const text = voters.length === 0 ? 'none' : `${names.join(' ')}${more === 0 ? '' : ` and ${more} more`}`;
      return `${index} of term ${term}, voters ${text}`;
    }
    case 'crc':
      return '';
  }
}
