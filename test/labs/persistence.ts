import { E, type Lab, must } from './lab.js';
import { all, type Steps } from './steps.js';

export function* persistOne(lab: Lab): Steps {
  yield* lab.one(lab.size, { retry: true });
  lab.disconnect(...lab.everyone);
  lab.restart(...lab.everyone);
  yield* lab.one(lab.size, { retry: true });
  const first = yield* lab.oneLeader();
  lab.disconnect(first);
  lab.restart(first);
  yield* lab.one(lab.size, { retry: true });
  const second = yield* lab.oneLeader();
  lab.disconnect(second);
  yield* lab.one(lab.size - 1, { retry: true });
  lab.restart(second);
  // That member must catch up before the next one is cut off.
  yield* lab.wait(4, lab.size);
  const follower = (yield* lab.oneLeader()) + 1;
  lab.disconnect(follower);
  yield* lab.one(lab.size - 1, { retry: true });
  lab.restart(follower);
  yield* lab.one(lab.size, { retry: true });
}

export function* persistTwo(lab: Lab): Steps {
  for (let round = 0; round < 5; round++) {
    yield* lab.one(lab.size, { retry: true });
    const leader = yield* lab.oneLeader();
    lab.disconnect(leader + 1, leader + 2);
    yield* lab.one(lab.size - 2, { retry: true });
    lab.disconnect(leader, leader + 3, leader + 4);
    lab.restart(leader + 1, leader + 2);
    yield E;
    lab.restart(leader + 3);
    yield* lab.one(lab.size - 2, { retry: true });
    lab.connect(leader + 4, leader);
  }
  yield* lab.one(lab.size, { retry: true });
}

export function* persistThree(lab: Lab): Steps {
  yield* lab.one(3, { retry: true });
  const leader = yield* lab.oneLeader();
  lab.disconnect(leader + 2);
  yield* lab.one(2, { retry: true });
  lab.crash(leader, leader + 1);
  lab.connect(leader + 2);
  lab.restart(leader);
  yield* lab.one(2, { retry: true });
  lab.restart(leader + 1);
  yield* lab.one(lab.size, { retry: true });
}

/** Now and then for half an election timeout, mostly for a moment. */
function pause(lab: Lab): number {
  return lab.random.int(1000) < 100 ? lab.random.int(E / 2) : lab.random.int(13);
}

/** Proposes one command everywhere. Returns the last member that took it. */
function proposeEverywhere(lab: Lab): number | undefined {
  const command = lab.fresh();
  return lab.everyone.filter((i) => lab.propose(i, command) !== undefined).at(-1);
}

export function* figureEight(lab: Lab): Steps {
  yield* lab.one(1, { retry: true });
  let up = lab.size;
  for (let i = 0; i < 1000; i++) {
    const leader = proposeEverywhere(lab);
    yield pause(lab);
    if (leader !== undefined) {
      lab.crash(leader);
      up--;
    }
    const chosen = lab.random.int(lab.size);
    if (up < 3 && !lab.isUp(chosen)) {
      lab.restart(chosen);
      up++;
    }
  }
  lab.restart(...lab.everyone.filter((i) => !lab.isUp(i)));
  yield* lab.one(lab.size, { retry: true });
}

export function* figureEightUnreliable(lab: Lab): Steps {
  yield* lab.one(1, { retry: true });
  let up = lab.size;
  for (let i = 0; i < 1000; i++) {
    if (i === 200) lab.reorderAnswers();
    const leader = proposeEverywhere(lab);
    yield pause(lab);
    if (leader !== undefined && lab.isConnected(leader) && lab.random.chance(0.5)) {
      lab.disconnect(leader);
      up--;
    }
    const chosen = lab.random.int(lab.size);
    if (up < 3 && !lab.isConnected(chosen)) {
      lab.connect(chosen);
      up++;
    }
  }
  lab.connect(...lab.everyone);
  yield* lab.one(lab.size, { retry: true });
}

export function* unreliableAgree(lab: Lab): Steps {
  const tasks = [];
  for (let i = 1; i < 50; i++) {
    for (let j = 0; j < 4; j++) tasks.push(lab.begin(lab.one(1, { retry: true })));
    yield* lab.one(1, { retry: true });
  }
  lab.setReliable(true);
  yield* all(tasks);
  yield* lab.one(lab.size, { retry: true });
}

/** A client that remembers what it has seen committed. */
function* client(lab: Lab, me: number, hasStopped: () => boolean): Steps<number[]> {
  const seen: number[] = [];
  while (!hasStopped()) {
    const command = lab.fresh();
    const index = lab.everyone.flatMap((i) => lab.propose(i, command)?.index ?? []).at(-1);
    if (index === undefined) {
      yield 79 + 17 * me;
      continue;
    }
    for (const wait of [10, 20, 50, 100, 200]) {
      if (lab.committed(index) > 0) {
        if (lab.command(index) === command) seen.push(command);
        break;
      }
      yield wait;
    }
  }
  return seen;
}

export function* churn(lab: Lab): Steps {
  let hasStopped = false;
  const clients = [0, 1, 2].map((me) => lab.begin(client(lab, me, () => hasStopped)));
  const { random, size } = lab;
  for (let round = 0; round < 20; round++) {
    if (random.chance(0.2)) lab.disconnect(random.int(size));
    if (random.chance(0.5)) {
      const i = random.int(size);
      if (!lab.isUp(i)) lab.start(i);
      lab.connect(i);
    }
    if (random.chance(0.2)) lab.crash(random.int(size));
    yield 0.7 * E;
  }
  yield E;
  lab.start(...lab.everyone.filter((i) => !lab.isUp(i)));
  lab.connect(...lab.everyone);
  hasStopped = true;
  const seen = (yield* all(clients)).flat();
  yield E;
  const last = yield* lab.one(size, { retry: true });
  const kept = new Set<number | undefined>();
  for (let index = 1; index <= last; index++) kept.add(yield* lab.wait(index, size));
  for (const command of seen) must(kept.has(command), `command ${command} was committed, and is lost`);
}
