import { E, type Lab, must, type Started } from './lab.js';
import { all, type Steps } from './steps.js';

export function* basicAgree(lab: Lab): Steps {
  for (let k = 1; k <= 3; k++) {
    must(lab.committed(k) === 0, 'something is committed before anything was proposed');
    const index = yield* lab.one(lab.size);
    must(index === k, `command ${k} is at index ${index}`);
  }
}

export function* rpcBytes(lab: Lab): Steps {
  const [count, size] = [10, 5000];
  yield* lab.one(lab.size);
  const before = lab.bytes;
  for (let i = 0; i < count; i++) {
    const index = yield* lab.one(lab.size, { size });
    must(index === i + 2, `command ${i + 2} is at index ${index}`);
  }
  lab.measure('bytes for ten commands of 5,000', lab.bytes - before, lab.size * count * size + 50_000);
}

export function* followerFailure(lab: Lab): Steps {
  yield* lab.one(lab.size);
  const first = yield* lab.oneLeader();
  lab.disconnect(first + 1);
  yield* lab.one(lab.size - 1);
  yield E;
  yield* lab.one(lab.size - 1);
  const second = yield* lab.oneLeader();
  lab.disconnect(second + 1, second + 2);
  must(lab.propose(second)?.index === 4, 'the leader does not take a command at index 4');
  yield 2 * E;
  must(lab.committed(4) === 0, 'a leader alone commits');
}

export function* leaderFailure(lab: Lab): Steps {
  yield* lab.one(lab.size);
  lab.disconnect(yield* lab.oneLeader());
  yield* lab.one(lab.size - 1);
  yield E;
  yield* lab.one(lab.size - 1);
  lab.disconnect(yield* lab.oneLeader());
  const command = lab.fresh();
  for (const i of lab.everyone) lab.propose(i, command);
  yield 2 * E;
  must(lab.committed(4) === 0, 'a member without a quorum commits');
}

export function* failAgree(lab: Lab): Steps {
  yield* lab.one(lab.size);
  const leader = yield* lab.oneLeader();
  lab.disconnect(leader + 1);
  yield* lab.one(lab.size - 1);
  yield* lab.one(lab.size - 1);
  yield E;
  yield* lab.one(lab.size - 1);
  yield* lab.one(lab.size - 1);
  lab.connect(leader + 1);
  yield* lab.one(lab.size, { retry: true });
  yield E;
  yield* lab.one(lab.size, { retry: true });
}

export function* failNoAgree(lab: Lab): Steps {
  yield* lab.one(lab.size);
  const leader = yield* lab.oneLeader();
  lab.disconnect(leader + 1, leader + 2, leader + 3);
  must(lab.propose(leader)?.index === 2, 'the leader does not take a command at index 2');
  yield 2 * E;
  must(lab.committed(2) === 0, 'two members of five commit');
  lab.connect(leader + 1, leader + 2, leader + 3);
  const next = lab.propose(yield* lab.oneLeader());
  must(next !== undefined, 'the new leader refuses a command');
  must(next.index === 2 || next.index === 3, `the new leader takes a command at index ${next.index}`);
  yield* lab.one(lab.size, { retry: true });
}

/** Repeats something that a change of the term may spoil: up to five times, three seconds apart. */
function* inOneTerm(what: () => Steps<boolean>): Steps {
  for (let tries = 0; tries < 5; tries++) {
    if (tries > 0) yield 3000;
    if (yield* what()) return;
  }
  must(false, 'the term changes too often');
}

export function* concurrentStarts(lab: Lab): Steps {
  yield* inOneTerm(function* () {
    const leader = yield* lab.oneLeader();
    const first = lab.propose(leader);
    if (first === undefined) return false;
    const commands = [0, 1, 2, 3, 4].map(() => lab.fresh());
    const proposals = commands.map((command) => {
      function* propose(): Steps<Started | undefined> {
        yield lab.random.int(2);
        return lab.propose(leader, command);
      }
      return lab.begin(propose());
    });
    const started = yield* all(proposals);
    const found: number[] = [];
    for (const one of started) {
      if (one === undefined || one.term !== first.term) return false;
      const command = yield* lab.wait(one.index, lab.size, first.term);
      if (command === undefined) return false;
      found.push(command);
    }
    for (const command of commands) must(found.includes(command), `command ${command} is missing`);
    return true;
  });
}

export function* rejoin(lab: Lab): Steps {
  yield* lab.one(lab.size);
  const first = yield* lab.oneLeader();
  lab.disconnect(first);
  for (let i = 0; i < 3; i++) lab.propose(first);
  yield* lab.one(2, { retry: true });
  const second = yield* lab.oneLeader();
  lab.disconnect(second);
  lab.connect(first);
  yield* lab.one(2, { retry: true });
  lab.connect(second);
  yield* lab.one(lab.size, { retry: true });
}

/** A leader takes commands that it cannot commit, and others commit as many. */
function* inVain(lab: Lab, leader: number): Steps {
  for (let i = 0; i < 50; i++) lab.propose(leader);
  yield E / 2;
}

function* committedBy(lab: Lab, members: number): Steps {
  for (let i = 0; i < 50; i++) yield* lab.one(members, { retry: true });
}

export function* backup(lab: Lab): Steps {
  yield* lab.one(lab.size, { retry: true });
  const first = yield* lab.oneLeader();
  const [near, ...far] = [1, 2, 3, 4].map((i) => lab.place(first + i)) as [number, number, number, number];
  lab.disconnect(...far);
  yield* inVain(lab, first);
  lab.disconnect(first, near);
  lab.connect(...far);
  yield* committedBy(lab, 3);
  const second = yield* lab.oneLeader();
  const other = far[0] === second ? far[1] : far[0];
  lab.disconnect(other);
  yield* inVain(lab, second);
  lab.disconnect(...lab.everyone);
  lab.connect(first, near, other);
  yield* committedBy(lab, 3);
  lab.connect(...lab.everyone);
  yield* lab.one(lab.size, { retry: true });
}

export function* count(lab: Lab): Steps {
  yield* lab.oneLeader();
  must(lab.rpcs >= 1, 'a leader is elected without a message');
  lab.measure('RPCs to elect the first leader', lab.rpcs, 30);
  const commands = 10;
  yield* inOneTerm(function* () {
    const leader = yield* lab.oneLeader();
    const before = lab.rpcs;
    const first = lab.propose(leader);
    if (first === undefined) return false;
    const sent: number[] = [];
    for (let i = 1; i < commands + 2; i++) {
      const command = lab.fresh();
      const started = lab.propose(leader, command);
      if (started === undefined || started.term !== first.term) return false;
      must(started.index === first.index + i, `command ${i} is at index ${started.index}`);
      sent.push(command);
    }
    for (let i = 1; i <= commands; i++) {
      const command = yield* lab.wait(first.index + i, lab.size, first.term);
      if (command === undefined) return false;
      must(command === sent[i - 1], `another command is at index ${first.index + i}`);
    }
    lab.measure('RPCs for ten commands', lab.rpcs - before, (commands + 1 + 3) * 3);
    return true;
  });
  const before = lab.rpcs;
  yield E;
  lab.measure('RPCs in an idle second', lab.rpcs - before, 3 * 20);
}
