import type { Message } from '@raft-ts/proto';
import type { StackAction } from '../plan/stack-action.js';
import type { Station } from '../stack/wire.js';
import type { StackWatcher, StackWorld } from '../stack/world.js';
import { describeAction, Lanes } from './recording.js';

/** Keeps the last part of what happens in a run of replicas. */
export class StackRecording extends Lanes implements StackWatcher {
  // oxlint-disable-next-line typescript/no-explicit-any -- of any state machine
  look({ time, members }: StackWorld<any, any, any>): void {
    this.at(time.now, time.events);
    for (const { slot, isUp, isGone, replica } of members) {
      const leadership = replica?.leadership;
      const role = leadership?.role ?? (isUp ? 'StateFollower' : isGone ? 'gone' : 'down');
      this.stands(slot, { role, term: leadership?.term ?? 0 });
    }
  }

  acted(action: StackAction): void {
    this.mark(describeAction(action));
  }

  sent({ slot }: Station, m: Message, arrives: boolean): void {
    this.leaves(slot, m, arrives);
  }

  arrived(m: Message): void {
    this.comes(m);
  }
}
