/** The flag of both launchers, for `parseCommand`. */
export const pageFlag = { page: { type: 'boolean' } } as const;

/** What their help says about it. */
export const pageHelp =
  '  --page        serve a page on this machine that shows the cluster and lets you break it; its address is printed';
