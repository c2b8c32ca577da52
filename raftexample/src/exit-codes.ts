/** How the commands end, for whoever restarts members. Node.js itself ends with 1 after an error that nobody caught. */
export const ExitCode = {
  /** It was told to stop and did, or it printed what was asked for. */
  Done: 0,
  /** It, or a member that it started, did not stop in time; or no member that it started is left. */
  Failed: 1,
  /** The command line cannot be carried out. */
  Usage: 2,
  /** The other members refuse this one, or have removed it. */
  Refused: 3,
  /** Its log cannot be read or written, or holds what this program cannot carry out. No restart helps by itself. */
  BadLog: 4,
  /** Another process runs with the same log, at the member's address. */
  Twin: 5,
} as const;
