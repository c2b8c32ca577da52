/**
 * Layer 2: replicas as they are shipped, each with the files of `@raft-ts/raftwal` on a simulated disk, connected by a
 * network that carries the bytes of their messages, and a state machine of one's own.
 *
 * Reading order: `stack/world.ts` holds the members, the one queue of events (`stack/time.ts`) and who is told of what;
 * `stack/member.ts` starts a replica on its disk (`files/files.ts`), in a process (`stack/process.ts`) that may be
 * frozen and ends at once; `stack/wire.ts` carries messages, `stack/clients.ts` are those who call, `stack/operator.ts`
 * changes the membership. `stack/log-rules.ts` and `stack/state-rules.ts` watch; `stack/liveness.ts` asks what must
 * happen once faults end.
 */
import type { StateMachine } from '@raft-ts/replica';
import { nodeHost } from './files/host.js';
import type { Finding } from './run/run.js';
import type { Subject } from './stack/options.js';
import type { StackCase } from './stack/run.js';
import { runOn, type Simulated, type SimulateOptions, simulateOn } from './stack/simulate.js';

export * from './stack/exports.js';

/**
 * Simulates clusters that replicate a state machine, each from its seed, until one breaks a rule or all have run. The
 * host's clocks, timers, random numbers, files and sockets are out of reach of whatever runs inside.
 */
export function simulate<Command, Result, Machine extends StateMachine<Command, Result>>(
  options: SimulateOptions<Command, Result, Machine>,
): Promise<Simulated<Command, Result>> {
  return simulateOn(nodeHost, options);
}

/** Runs once more what `simulate` found. Returns the rule that it breaks; undefined if it breaks none any more. */
export async function replay<Command, Result, Machine extends StateMachine<Command, Result>>(
  schedule: StackCase,
  subject: Subject<Command, Result, Machine>,
): Promise<Finding | undefined> {
  return (await runOn(nodeHost, schedule, subject)).finding;
}
