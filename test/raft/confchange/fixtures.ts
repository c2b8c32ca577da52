import { type ConfChangeSingle, type ConfState, confChangesFromString, emptyConfState } from '@raft-ts/raft';
import { type ChangeResult, Changer, describeProgressMap, ProgressTracker } from '@raft-ts/raft/internal';

/** A configuration that changes one step after another, as scripts write the steps. */
export class Membership {
  readonly tracker: ProgressTracker;
  lastIndex: number;

  constructor(lastIndex: number, maxInflight = 10, maxInflightBytes = 0) {
    this.lastIndex = lastIndex;
    this.tracker = new ProgressTracker(maxInflight, maxInflightBytes);
  }

  changer(): Changer {
    return new Changer(this.tracker, this.lastIndex);
  }

  install({ config, progress }: ChangeResult): this {
    this.tracker.install(config, progress);
    return this;
  }

  simple(changes: string | readonly ConfChangeSingle[]): this {
    return this.install(this.changer().simple(parsed(changes)));
  }

  enterJoint(changes: string | readonly ConfChangeSingle[], autoLeave = false): this {
    return this.install(this.changer().enterJoint(autoLeave, parsed(changes)));
  }

  leaveJoint(): this {
    return this.install(this.changer().leaveJoint());
  }

  toString(): string {
    return describeResult(this.tracker);
  }
}

export function parsed(changes: string | readonly ConfChangeSingle[]): readonly ConfChangeSingle[] {
  return typeof changes === 'string' ? confChangesFromString(changes) : changes;
}

export function describeResult({ config, progress }: ChangeResult): string {
  return `${config}\n${describeProgressMap(progress)}`;
}

export function confState(fields: Partial<ConfState>): ConfState {
  return { ...emptyConfState(), ...fields };
}

/** The same membership with every list ascending. */
export function sorted(cs: ConfState): ConfState {
  const ascending = (ids: readonly bigint[]) => [...ids].sort((a, b) => (a < b ? -1 : 1));
  return {
    voters: ascending(cs.voters),
    learners: ascending(cs.learners),
    votersOutgoing: ascending(cs.votersOutgoing),
    learnersNext: ascending(cs.learnersNext),
    autoLeave: cs.autoLeave,
  };
}
