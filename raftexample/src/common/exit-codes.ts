/** The exit codes of the commands, for whoever restarts members. Node.js exits with 1 after an uncaught error. */
export const ExitCode = {
  /** It stopped as requested, or printed what was requested. */
  Done: 0,
  /** It, or a member that it started, did not stop in time; or all members that it started have ended. */
  Failed: 1,
  /** The command line cannot be carried out. */
  Usage: 2,
  /** The other members refuse this one, or have removed it. */
  Refused: 3,
  /** Its log cannot be read or written, or holds a change that it cannot carry out. A restart alone does not help. */
  BadLog: 4,
  /** Another process with the same log is running at the member's address. */
  Twin: 5,
} as const;
