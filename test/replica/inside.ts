import type { Replica } from '@raft-ts/replica';
import type { Engine } from '@raft-ts/replica/internal';

/** What drives a replica: for tests that bring about what its calls do not. */
export function inside<Command, Result>(replica: Replica<Command, Result>): Engine<Command, Result> {
  return (replica as unknown as { readonly engine: Engine<Command, Result> }).engine;
}
