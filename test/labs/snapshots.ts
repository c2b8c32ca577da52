import { type Lab, must } from './lab.js';
import type { Steps } from './steps.js';

const ITERATIONS = 30;
/** The labs bound what a member keeps of its log where it makes a snapshot at every tenth command. */
const LOG_LIMIT = 2000;

/** What is done to a member while others go on. */
export type Harm = 'none' | 'disconnect' | 'crash';

export function install(harm: Harm): (lab: Lab) => Steps {
  return function* (lab) {
    yield* lab.one(lab.size, { retry: true });
    let leader = yield* lab.oneLeader();
    const others = harm === 'none' ? lab.size : lab.size - 1;
    for (let i = 0; i < ITERATIONS; i++) {
      const [victim, sender] = i % 3 === 1 ? [leader, leader + 1] : [leader + 1, leader];
      if (harm === 'disconnect') lab.disconnect(victim);
      if (harm === 'crash') lab.crash(victim);
      if (harm !== 'none') yield* lab.one(lab.size - 1, { retry: true });
      for (let n = lab.random.between(5, 14); n > 0; n--) lab.propose(sender);
      yield* lab.one(others, { retry: true });
      for (const member of lab.everyone) lab.measure('bytes of log on a disk', lab.logBytes(member), LOG_LIMIT);
      if (harm === 'none') continue;
      if (harm === 'crash') lab.restart(victim);
      else lab.connect(victim);
      yield* lab.one(lab.size, { retry: true });
      leader = yield* lab.oneLeader();
    }
  };
}

export function* allCrash(lab: Lab): Steps {
  yield* lab.one(lab.size, { retry: true });
  for (let round = 0; round < 5; round++) {
    for (let n = lab.random.between(5, 14); n > 0; n--) yield* lab.one(lab.size, { retry: true });
    const before = yield* lab.one(lab.size, { retry: true });
    lab.crash(...lab.everyone);
    lab.restart(...lab.everyone);
    const after = yield* lab.one(lab.size, { retry: true });
    must(after > before, `index ${after} after ${before}`);
  }
}

/** A member that starts again must not forget its snapshot when it next writes. */
export function* init(lab: Lab): Steps {
  for (let n = 0; n < 12; n++) yield* lab.one(lab.size, { retry: true });
  for (let times = 0; times < 2; times++) {
    lab.crash(...lab.everyone);
    lab.restart(...lab.everyone);
    yield* lab.one(lab.size, { retry: true });
  }
}
