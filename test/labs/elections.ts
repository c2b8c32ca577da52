import { E, type Lab, must } from './lab.js';
import type { Steps } from './steps.js';

export function* initialElection(lab: Lab): Steps {
  yield* lab.oneLeader();
  yield 50;
  must(lab.sameTerm() >= 1, 'the term is below 1');
  yield 2 * E;
  // A term that changes meanwhile is no failure in the labs either.
  lab.sameTerm();
  yield* lab.oneLeader();
}

export function* reElection(lab: Lab): Steps {
  const first = yield* lab.oneLeader();
  lab.disconnect(first);
  yield* lab.oneLeader();
  lab.connect(first);
  const second = yield* lab.oneLeader();
  lab.disconnect(second, second + 1);
  yield 2 * E;
  lab.noLeader();
  lab.connect(second + 1);
  yield* lab.oneLeader();
  lab.connect(second);
  yield* lab.oneLeader();
}

export function* manyElections(lab: Lab): Steps {
  yield* lab.oneLeader();
  for (let round = 1; round < 10; round++) {
    const some = [1, 2, 3].map(() => lab.random.int(lab.size));
    lab.disconnect(...some);
    yield* lab.oneLeader();
    lab.connect(...some);
  }
  yield* lab.oneLeader();
}
