/** The exit codes of `raftexample ctl`, for scripts. */
export const CtlExit = {
  /** Done. */
  Done: 0,
  /** The cluster refuses it, or it failed. */
  Refused: 1,
  /** The command line cannot be carried out. */
  Usage: 2,
  /** The condition failed; nothing was changed. */
  Condition: 3,
  /** It is not known whether it was carried out: asking again may carry it out twice. */
  Unknown: 4,
  /** Certainly nothing happened: no member could be reached, or none could do it in time. */
  NotDone: 5,
  /** There is no such key, or lease. */
  NoKey: 6,
} as const;

/** For the text of `--help`. */
export const exitHelp = `Exit codes: 0 done; 1 refused, or failed; 2 bad flags; 3 the condition failed; 4 not known whether it was carried out;
5 certainly nothing happened: no member was reached, or none could do it in time; 6 no such key, or lease.
`;
