/** Where ours decides otherwise than Go on the folders that Go wrote, and why. An unused row is an error. */
export interface Deviation {
  /** Names of folders. */
  readonly folders: readonly string[];
  readonly operation: 'write' | 'read' | 'verify' | 'validSnapshots' | 'repair';
  /** Our error code; `ok` if only Go fails. */
  readonly ours: string;
  readonly why: string;
}

const UNDECIDED = 'ERR_RAFT_WAL_UNDECIDED';
const CORRUPT = 'ERR_RAFT_WAL_CORRUPT';

const behindTheEnd = ['corrupt-after-end', 'torn-zero-length'];
const damagedLength = ['corrupt-length-huge', 'corrupt-length-larger'];
const headless = ['segments-last-all-zero', 'segments-last-cut-to-zero'];

export const deviations: readonly Deviation[] = [
  {
    folders: behindTheEnd,
    operation: 'write',
    ours: UNDECIDED,
    why: 'Go erases what lies behind a length of zero without a word. It may be acknowledged records behind a damaged length.',
  },
  { folders: behindTheEnd, operation: 'read', ours: UNDECIDED, why: 'Go passes over it without a word.' },
  { folders: behindTheEnd, operation: 'verify', ours: UNDECIDED, why: 'Go calls the log sound.' },
  { folders: behindTheEnd, operation: 'validSnapshots', ours: UNDECIDED, why: 'Go does not see marks behind it.' },
  {
    folders: behindTheEnd,
    operation: 'repair',
    ours: UNDECIDED,
    why: 'Go sees nothing to repair, and the next open erases it. Ours asks the operator, who says where to cut.',
  },
  {
    folders: damagedLength,
    operation: 'read',
    ours: CORRUPT,
    why: 'Go takes a damaged length for a torn tail and drops every later record in silence; States behind it show otherwise.',
  },
  { folders: damagedLength, operation: 'verify', ours: CORRUPT, why: 'Go calls the rest of the log sound.' },
  { folders: damagedLength, operation: 'validSnapshots', ours: CORRUPT, why: 'Go does not see the marks behind it.' },
  { folders: damagedLength, operation: 'repair', ours: CORRUPT, why: 'Go cuts off committed records and says true.' },
  {
    folders: ['segments-cut-second'],
    operation: 'read',
    ours: CORRUPT,
    why: 'Go ends at a middle file that was cut short, without an error; the records behind it are lost in silence.',
  },
  { folders: ['segments-cut-second'], operation: 'verify', ours: CORRUPT, why: 'Go calls the log sound.' },
  { folders: ['segments-cut-second'], operation: 'validSnapshots', ours: CORRUPT, why: 'Go misses later marks.' },
  {
    folders: headless,
    operation: 'write',
    ours: CORRUPT,
    why: 'The head of a file is durable before it has its name, so its records were there and are lost. Go goes on before them.',
  },
  { folders: headless, operation: 'read', ours: CORRUPT, why: 'The records of the last file are lost in silence.' },
  { folders: headless, operation: 'verify', ours: CORRUPT, why: 'Go calls the log sound.' },
  { folders: headless, operation: 'validSnapshots', ours: CORRUPT, why: 'Marks in the last file are lost.' },
  { folders: headless, operation: 'repair', ours: CORRUPT, why: 'Go sees nothing to repair.' },
  {
    folders: ['short-name'],
    operation: 'read',
    ours: CORRUPT,
    why: 'A last file without a readable head: Go ends before it without a word.',
  },
  { folders: ['short-name'], operation: 'verify', ours: CORRUPT, why: 'Go calls the log sound.' },
  { folders: ['short-name'], operation: 'validSnapshots', ours: CORRUPT, why: 'Marks in that file would be lost.' },
  { folders: ['short-name'], operation: 'repair', ours: CORRUPT, why: 'Go empties the file and says true.' },
  {
    folders: ['gap'],
    operation: 'verify',
    ours: CORRUPT,
    why: 'Go does not look into entries here; a log with a gap cannot be opened.',
  },
  {
    folders: ['hand-entry-not-protobuf'],
    operation: 'verify',
    ours: CORRUPT,
    why: 'Go does not look into entries here.',
  },
];
