/**
 * For Node.js: keeps a simulation from the host's clocks, timers, random numbers, files and sockets; and the command
 * `raft-sim`.
 */
export { type Output, raftSim } from './cli/main.js';
export { EscapeError, withoutHost } from './node/trap.js';
