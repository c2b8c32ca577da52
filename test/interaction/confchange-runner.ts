import { confChangesFromString } from '@raft-ts/raft';
import { type ChangeResult, Changer, describeProgressMap, ProgressTracker } from '@raft-ts/raft/internal';
import { type Directive, scanArgument } from '../datadriven/directive.js';
import type { Handler } from '../datadriven/runner.js';
import { parseBool } from '../datadriven/scan.js';
import { CommandError, hasCode, isPrintable } from './errors.js';

/** Flow control of the members, which these scripts never show. */
const MAX_INFLIGHT = 10;

function carryOut(changer: Changer, directive: Directive): ChangeResult {
  const changes = confChangesFromString(directive.input);
  switch (directive.command) {
    case 'simple':
      return changer.simple(changes);
    case 'enter-joint':
      return changer.enterJoint(
        directive.args.length > 0 ? scanArgument(directive, 'autoleave', parseBool) : false,
        changes,
      );
    case 'leave-joint':
      if (changes.length > 0) {
        throw new CommandError('this command takes no input');
      }
      return changer.leaveJoint();
    default:
      throw new CommandError('unknown command');
  }
}

/** Carries out `simple`, `enter-joint` and `leave-joint`: one configuration made into the next. */
export function confChangeHandler(): Handler {
  const tracker = new ProgressTracker(MAX_INFLIGHT, Number.POSITIVE_INFINITY);
  let lastIndex = 0;
  return (directive) => {
    try {
      const { config, progress } = carryOut(new Changer(tracker, lastIndex), directive);
      tracker.install(config, progress);
      return `${config}\n${describeProgressMap(progress)}`;
    } catch (error) {
      if (error instanceof Error && (isPrintable(error) || hasCode(error, 'ERR_RAFT_CONF_CHANGE_INVALID'))) {
        return error.message;
      }
      throw error;
    } finally {
      lastIndex++;
    }
  };
}
