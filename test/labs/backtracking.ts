import { type Entry, MessageType } from '@raft-ts/proto';
import { MemoryStorage, RawNode, silentLogger } from '@raft-ts/raft';

/**
 * How many appends a leader sends until a follower accepts one, after both logs went apart behind their first entry.
 * Given are the terms of both, as lists: the entry at index i has the term at place i - 1.
 */
export type Repair = (leader: readonly number[], follower: readonly number[]) => number;

/** A model of a leader: where it looks next after the follower refused an append that follows the entry `before`. */
type Back = (logs: { leader: readonly number[]; follower: readonly number[]; before: number }) => number;

function modelled(back: Back): Repair {
  return (leader, follower) => {
    let before = leader.length;
    for (let appends = 1; ; appends++) {
      if (before === 0 || leader[before - 1] === follower[before - 1]) return appends;
      before = back({ leader, follower, before });
    }
  };
}

/** The paper's simplest way: one entry before the last try. */
export const oneByOne: Repair = modelled(({ before }) => before - 1);

/**
 * The way of section 5.3 of the paper that the labs ask for. The follower names the term of its entry in that place
 * (XTerm), the first index that it has of it (XIndex), and, if its log is too short, how long it is (XLen). The leader
 * goes on after its own last entry of that term if it has one, and before the follower's first one if it has none.
 */
export const byTerm: Repair = modelled(({ leader, follower, before }) => {
  const term = follower[before - 1];
  if (term === undefined) return follower.length;
  const last = leader.lastIndexOf(term);
  return last >= 0 && last + 1 < before ? last + 1 : follower.indexOf(term);
});

function storageOf(terms: readonly number[]): MemoryStorage {
  const storage = new MemoryStorage();
  const confState = { voters: [1n, 2n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ data: undefined, metadata: { confState, index: 1, term: terms[0] as number } });
  const entries = terms.map((term, i): Entry => ({ term, index: i + 1, type: undefined, data: undefined }));
  storage.append(entries.slice(1));
  storage.setHardState({ term: Math.max(...terms), vote: 0n, commit: 1 });
  return storage;
}

/** The real core: the leader names the term of the entry before; each side skips what the other's term rules out. */
export const asEtcd: Repair = (leaderTerms, followerTerms) => {
  const nodes = [leaderTerms, followerTerms].map((terms, i) => {
    const storage = storageOf(terms);
    const id = BigInt(i + 1);
    const limits = { maxSizePerMsg: Number.MAX_SAFE_INTEGER, maxInflightMsgs: 256 };
    const node = new RawNode({ id, electionTick: 10, heartbeatTick: 1, storage, logger: silentLogger, ...limits });
    return { node, storage };
  });
  nodes[0]?.node.campaign();
  let appends = 0;
  let isRepaired = false;
  while (!isRepaired && nodes.some(({ node }) => node.hasReady())) {
    for (const { node, storage } of nodes) {
      if (!node.hasReady()) continue;
      const rd = node.ready();
      storage.append(rd.entries);
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      for (const m of rd.messages) {
        if (m.type === MessageType.MsgApp && !isRepaired) appends++;
        if (m.type === MessageType.MsgAppResp && !m.reject) isRepaired = true;
        nodes[Number(m.to) - 1]?.node.step(m);
      }
      node.advance();
    }
  }
  return appends;
};

/** So many entries in so many terms of equal length, the i-th of which is `name(i)`. */
function blocks(entries: number, terms: number, name: (i: number) => number): number[] {
  return Array.from({ length: entries }, (_, at) => name(Math.floor((at * terms) / entries)));
}

interface Row {
  readonly what: string;
  readonly leader: readonly number[];
  readonly follower: readonly number[];
}

/** The logs that are compared: what both have, then entries of terms that the other does not have. */
export function rows(): Row[] {
  const found: Row[] = [];
  for (const n of [10, 100, 1000]) {
    const ours = (terms: number): number[] => [1, ...blocks(n, terms, (i) => 2 * i + 3)];
    const theirs = (terms: number): number[] => [1, ...blocks(n, terms, (i) => 2 * i + 2)];
    found.push({ what: `${n} entries behind, nothing to discard`, leader: ours(1), follower: [1] });
    for (const terms of [1, 10, n]) {
      if (terms === 10 && n === 10) continue;
      found.push({ what: `${n} entries, in ${terms} terms each`, leader: ours(terms), follower: theirs(terms) });
      if (terms === 1) continue;
      const late = [1, ...blocks(n, 1, () => 2 * terms + 3)];
      found.push({
        what: `${n} entries, ${terms} terms against one of the leader`,
        leader: late,
        follower: theirs(terms),
      });
    }
  }
  return found;
}

/** The table of `docs/labs.md`. */
export function backtrackingTable(): string {
  const lines = rows().map(({ what, leader, follower }) => {
    const counts = [oneByOne, byTerm, asEtcd].map((repair) => repair(leader, follower));
    return `| ${[what, ...counts].join(' | ')} |`;
  });
  return `| where the logs went apart | one by one | by term | this package, as etcd |
|---|---|---|---|
${lines.join('\n').replaceAll('in 1 terms each', 'in one term each')}`;
}
