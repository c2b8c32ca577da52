/** Runs a function later; returns what prevents that. */
export type Schedule = (run: () => void, ms: number) => () => void;

/** By this process's timers, none of which keeps it alive. */
export const byTimer: Schedule = (run, ms) => {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
};
