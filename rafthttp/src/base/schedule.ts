/** Runs a function later; returns a function that cancels it. */
export type Schedule = (run: () => void, ms: number) => () => void;

/** Schedules with timers that do not keep the process alive. */
export const byTimer: Schedule = (run, ms) => {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
};
