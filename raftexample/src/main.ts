/** The `raftexample` command: one member, or a tool, until `stopping` aborts. Resolves to the exit code. */
export async function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  // Each starts without what only the others need.
  const rest = argv.slice(1);
  switch (argv[0]) {
    case 'ctl':
      return (await import('./ctl/main.js')).ctlMain(rest, stopping);
    case 'kv':
      return (await import('./kv/main.js')).kvMain(rest, stopping);
    case 'restore':
      return (await import('./kv/restore.js')).restoreMain(rest, stopping);
    case 'recover':
      return (await import('./kv/recover.js')).recoverMain(rest, stopping);
    default:
      return (await import('./hello/main.js')).helloMain(argv, stopping);
  }
}
