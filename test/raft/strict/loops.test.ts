import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import {
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  type RaftError,
  RawNode,
  silentLogger,
  startNode,
} from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { type Strict, strict } from '@raft-ts/raft/strict';
import { handleReadys, openStorage } from '@raft-ts/raftexample/internal';
import { Stream } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { transform } from 'esbuild';
import { bytes } from '../../helpers/index.js';
import { root, run } from '../../repo/repository.js';
import { save } from '../rawnode/cycle.js';
import { founded, limits } from './member.js';

/** A member of the random clusters: driven as it should be, under strict mode. */
interface Driven {
  readonly id: bigint;
  readonly rawNode: RawNode;
  readonly watched: Strict<Omit<RawNode, 'advance'>, { send(messages: readonly Message[]): void }>;
  readonly storage: MemoryStorage;
  /** Work of the storage threads, in order. */
  readonly work: Message[];
  applied: number;
}

/** A proposal may be dropped while nobody leads. */
function refusable(what: () => unknown): void {
  try {
    what();
  } catch (error) {
    if ((error as RaftError).code !== 'ERR_RAFT_PROPOSAL_DROPPED') throw error;
  }
}

const VOTERS = [1n, 2n, 3n];

/** A cluster of three whose messages are lost and overtaken, driven step by step from a seed. */
class Cluster {
  readonly random: Stream;
  readonly members: Driven[];
  private readonly wire: Message[] = [];
  private readonly isAsync: boolean;

  constructor(seed: number, isAsync: boolean) {
    this.random = new Stream(seed, 7);
    this.isAsync = isAsync;
    this.members = VOTERS.map((id) => {
      const storage = founded(new MemoryStorage(), VOTERS);
      const random = new Stream(seed, Number(id));
      const options = { asyncStorageWrites: isAsync, logger: silentLogger, random: (n: number) => random.int(n) };
      const rawNode = new RawNode({ id, storage, ...options, ...limits });
      const transport = { send: (messages: readonly Message[]) => void this.wire.push(...messages) };
      const watched = isAsync
        ? strict(rawNode, storage, transport, { asyncStorageWrites: true })
        : strict(rawNode, storage, transport);
      return { id, rawNode, watched, storage, work: [], applied: 1 };
    });
  }

  step(): void {
    const { random } = this;
    const member = random.pick(this.members);
    const { node } = member.watched;
    const choice = random.int(20);
    if (choice < 6) node.tick();
    else if (choice < 15) this.deliver();
    else if (choice === 15) this.propose(member);
    else if (choice === 16) this.compact(member);
    else if (choice === 17) this.applyWork(member);
    else this.drive(member);
  }

  private deliver(): void {
    const [m] = this.wire.splice(this.random.int(this.wire.length), 1);
    if (m === undefined || this.random.chance(0.05)) {
      if (m?.snapshot !== undefined) this.report(m, false);
      return;
    }
    if (m.snapshot !== undefined) this.report(m, true);
    refusable(() => this.members[Number(m.to) - 1]?.watched.node.step(m));
  }

  private report(m: Message, isGood: boolean): void {
    this.members[Number(m.from) - 1]?.watched.node.reportSnapshot(m.to, isGood ? 'finish' : 'failure');
  }

  private propose({ watched }: Driven): void {
    refusable(() => watched.node.propose(bytes(`write ${this.random.int(1000)}`)));
  }

  private compact({ storage, applied }: Driven): void {
    if (applied <= storage.snapshot().metadata.index || applied > storage.lastIndex()) return;
    storage.createSnapshot(applied, undefined, bytes(`state ${applied}`));
    storage.compact(applied);
  }

  private drive(member: Driven): void {
    const { rawNode, storage, watched } = member;
    const { node, transport } = watched;
    if (!node.hasReady()) return;
    const rd = node.ready();
    if (this.isAsync) {
      const isLocal = ({ to }: Message): boolean => to === LOCAL_APPEND_THREAD || to === LOCAL_APPLY_THREAD;
      member.work.push(...rd.messages.filter(isLocal));
      transport.send(rd.messages.filter((m) => !isLocal(m)));
      return;
    }
    save(rd, storage);
    transport.send(rd.messages);
    member.applied = Math.max(member.applied, rd.snapshot?.metadata.index ?? 0, rd.committedEntries.at(-1)?.index ?? 0);
    (node as RawNode).advance();
    expect(rawNode.raft.id).to.equal(member.id);
  }

  /** The oldest work of either thread is done. */
  private applyWork(member: Driven): void {
    const m = member.work.shift();
    if (m === undefined) return;
    const { storage, watched } = member;
    if (m.to === LOCAL_APPEND_THREAD) {
      if (m.term > 0) storage.setHardState({ term: m.term, vote: m.vote, commit: m.commit });
      if (m.snapshot !== undefined) storage.applySnapshot(m.snapshot);
      storage.append(m.entries);
    }
    const upTo = m.to === LOCAL_APPEND_THREAD ? m.snapshot?.metadata.index : m.entries.at(-1)?.index;
    member.applied = Math.max(member.applied, upTo ?? 0);
    for (const response of m.responses) {
      if (response.to === member.id) watched.node.step(response);
      else watched.transport.send([response]);
    }
  }
}

/** A block of a README with the loop, and how strict mode is put around its node and transport. */
interface Loop {
  readonly readme: string;
  readonly changes: readonly (readonly [string, string])[];
}

const NODE = ['const node = startNode(config, peers);', 'const plainNode = startNode(config, peers);'] as const;
const LOOPS: readonly Loop[] = [
  {
    readme: 'raft/README.md',
    changes: [
      NODE,
      ['const transport = network.connect(', 'const plainTransport = network.connect('],
      [
        '  for (const peer of peers) if',
        '  const { node, transport } = strict(plainNode, storage, plainTransport);\n  for (const peer of peers) if',
      ],
    ],
  },
  {
    readme: 'README.md',
    changes: [
      NODE,
      ['const transport = new HttpTransport(', 'const plainTransport = new HttpTransport('],
      [
        '  const clock = setInterval(',
        '  const { node, transport } = strict(plainNode, storage, plainTransport);\n  const clock = setInterval(',
      ],
    ],
  },
  {
    readme: 'raftwal/README.md',
    changes: [
      [
        'const node = begin(storage, config, false);',
        'const { node } = strict(begin(storage, config, false), storage, { send: () => {} });',
      ],
    ],
  },
];

/** The program of a README under strict mode, as JavaScript. */
async function programOf({ readme, changes }: Loop): Promise<string> {
  const text = readFileSync(join(root, readme), 'utf8');
  const block = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
    .map(([, code = '']) => code)
    .find((code) => code.includes('.ready()'));
  let code = `import { strict } from '@raft-ts/raft/strict';\n${block}`;
  for (const [from, to] of changes) {
    expect(code.split(from), `${readme}: ${from}`).to.have.lengthOf(2);
    code = code.replace(from, to);
  }
  return (await transform(code, { loader: 'ts', format: 'esm', target: 'node20' })).code;
}

describe('strict mode finds nothing wrong with', () => {
  for (const isAsync of [false, true]) {
    it(`clusters that are driven as they should be, with ${isAsync ? 'asynchronous' : 'synchronous'} storage`, () => {
      let committed = 0;
      let compacted = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const cluster = new Cluster(seed, isAsync);
        for (let i = 0; i < 6000; i++) cluster.step();
        committed += cluster.members.reduce((sum, { rawNode }) => sum + rawNode.raft.raftLog.committed, 0);
        compacted += cluster.members.reduce((sum, { storage }) => sum + storage.firstIndex(), 0);
      }
      expect(committed).to.be.above(2000);
      expect(compacted).to.be.above(1000);
    });
  }

  it('the loop of hello, with a log on disk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-strict-'));
    const network = new MemoryNetwork();
    const peers = VOTERS.map((id) => ({ id }));
    const ending = new AbortController();
    const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Parameters<typeof openStorage>[2];
    const applied = VOTERS.map(() => 0);
    const count = (i: number, line: string): void => {
      if (line.includes('hello')) applied[i] = (applied[i] as number) + 1;
    };
    const members = await Promise.all(
      peers.map(async ({ id }, i) => {
        const owner = { id, clusterId: 0x1000n, founders: VOTERS };
        const storage = await openStorage(join(folder, String(id)), owner, log);
        const plain = startNode({ id, storage: storage.raft, logger: silentLogger, ...limits }, peers);
        const connected = network.connect(id, {
          process: (message, options) => node.step(message, options),
          isIdRemoved: () => false,
          reportUnreachable: (peer) => node.reportUnreachable(peer),
          reportSnapshot: (peer, status) => node.reportSnapshot(peer, status),
        });
        const { node, transport } = strict(plain, storage.raft, connected);
        for (const peer of peers) if (peer.id !== id) transport.addPeer(peer.id, []);
        const loop = handleReadys(node, storage, transport, {
          snapshotEvery: 5,
          ending: ending.signal,
          log: { info: ((line: string) => count(i, line)) as unknown as typeof log.info },
          onMembers: () => {},
        });
        return { node, storage, loop };
      }),
    );
    try {
      const failed = Promise.race(members.map(({ loop }) => loop));
      const clock = setInterval(() => {
        for (const { node } of members) node.tick();
      }, 2);
      const [first] = members;
      for (let n = 0; n < 30; n++) await Promise.race([failed, first?.node.propose(bytes(`hello ${n}`))]);
      while (applied.some((count) => count < 30))
        await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 5))]);
      clearInterval(clock);
    } finally {
      ending.abort();
      await Promise.all(members.map(({ node }) => node.stop()));
      await Promise.allSettled(members.map(({ loop }) => loop));
      await Promise.all(members.map(({ storage }) => storage.close()));
      rmSync(folder, { recursive: true });
    }
    expect(applied).to.deep.equal([30, 30, 30]);
  });

  describe('the loops of the READMEs', () => {
    // Inside test/dist, so that the programs import the packages as the tests do.
    const folder = join(root, 'test/dist/strict-blocks');
    before(() => mkdirSync(folder, { recursive: true }));
    after(() => rmSync(folder, { recursive: true }));

    async function play(name: string, code: string): Promise<{ code: unknown; said: string }> {
      const file = join(folder, name);
      writeFileSync(file, code);
      const { code: exit, stdout, stderr } = await run(process.execPath, [file], { cwd: folder, timeoutMs: 20_000 });
      return { code: exit, said: `${stdout}\n${stderr}` };
    }

    for (const loop of LOOPS) {
      it(loop.readme, async () => {
        const { code, said } = await play(`${loop.readme.replaceAll('/', '-')}.mjs`, await programOf(loop));
        expect(code, said).to.equal(0);
        expect(said).not.to.contain('StrictError');
      });
    }

    it('but does with one that sends before it saves', async () => {
      const code = await programOf(LOOPS[1] as Loop);
      const [save, send] = ['storage.append(rd.entries);', 'transport.send(rd.messages);'];
      expect(code).to.contain(save).and.contain(send);
      const wrong = code
        .replace(send, '')
        .replace('if (rd.hardState !== void 0)', `${send}\nif (rd.hardState !== void 0)`);
      expect(wrong).not.to.equal(code);
      const { code: exit, said } = await play('wrong.mjs', wrong);
      expect(exit, said).not.to.equal(0);
      expect(said).to.contain('StrictError').and.contain('saved-before-sent');
    });
  });
});
