/**
 * Names of segments: sequence and first index, sixteen hex digits each. The sequence counts files from 0; the index is
 * the first that the file may hold.
 */
export interface SegmentName {
  readonly name: string;
  readonly sequence: number;
  readonly index: number;
}

export function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}

export function segmentName(sequence: number, index: number): SegmentName {
  return { name: `${hex16(sequence)}-${hex16(index)}.wal`, sequence, index };
}

/**
 * Parses a name; returns undefined if it is not one. Fewer digits are accepted, because etcd scans names with a format.
 */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^([0-9a-f]{1,16})-([0-9a-f]{1,16})\.wal$/i.exec(name);
  if (match === null) return undefined;
  const sequence = Number.parseInt(match[1] as string, 16);
  const index = Number.parseInt(match[2] as string, 16);
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(index) ? { name, sequence, index } : undefined;
}

/** Returns the segments among the names of a folder, ordered by name, as etcd orders them. */
export function segmentsAmong(names: readonly string[]): SegmentName[] {
  return names
    .filter((name) => name.endsWith('.wal'))
    .sort()
    .map(parseSegmentName)
    .filter((segment) => segment !== undefined);
}

/** Returns the names that end like a segment's name but are not one. */
export function strangersAmong(names: readonly string[]): string[] {
  return names.filter((name) => name.endsWith('.wal') && parseSegmentName(name) === undefined);
}
