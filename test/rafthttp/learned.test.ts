import { once } from 'node:events';
import type { Agent } from 'node:http';
import { createServer, type LookupFunction, type Socket } from 'node:net';
import { join } from 'node:path';
import { encodeMessage, MessageType, type NodeId } from '@raft-ts/proto';
import type { HttpTransport } from '@raft-ts/rafthttp';
import {
  Header,
  LearnedMembers,
  MAX_ADDRESSES,
  MAX_LEARNED_REMOTES,
  MAX_PROOFS,
  MAX_PROOFS_PER_SOURCE,
  PIPELINE_WORKERS,
  PROOF_SPACING_MS,
  PROOF_TIMEOUT_MS,
  Reach,
  TakingTurns,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  CLUSTER,
  eventually,
  exchangeRaw,
  freePort,
  type Member,
  message,
  newTransport,
  post,
  Recorder,
  scratchFolder,
  startMember,
  startServer,
  stopAll,
  stopLater,
} from './members.js';

describe('which addresses a stranger may name', () => {
  const near = '127.0.0.1';
  const link = 'fe80::1%eth0';
  const far = '192.0.2.1';
  const cases: [url: string, from: (string | undefined)[]][] = [
    ['http://192.0.2.7:1', [near, link, far, undefined]],
    ['http://10.0.0.7:1', [near, link, far, undefined]],
    ['http://[2001:db8::1]:1', [near, link, far, undefined]],
    ['http://member.example:1', [near, link, far, undefined]],
    ['http://127.0.0.1:1', [near]],
    ['http://127.9.9.9:1', [near]],
    ['http://2130706433:1', [near]],
    ['http://0x7f.1:1', [near]],
    ['http://[::1]:1', [near]],
    ['http://[::ffff:127.0.0.1]:1', [near]],
    ['http://169.254.169.254:80', [link]],
    ['http://[fe80::7]:1', [link]],
    ['http://[::ffff:169.254.169.254]:80', [link]],
    ['http://0.0.0.0:1', []],
    ['http://[::]:1', []],
    ['http://224.0.0.1:1', []],
    ['http://255.255.255.255:1', []],
    ['http://[ff02::1]:1', []],
    ['http://[::ffff:224.0.0.1]:1', []],
    ['unix:///run/docker.sock', []],
    ['UNIX://relative', []],
    ['https://192.0.2.7:1', []],
    ['http://192.0.2.7', []],
    ['', []],
  ];

  for (const [url, allowed] of cases) {
    it(`${url || '(nothing)'}: ${allowed.length} of 4`, () => {
      const from = [near, link, far, undefined].filter(
        (source) => new Reach(source).urlsAmong([url], false).length > 0,
      );
      expect(from).to.deep.equal(allowed);
    });
  }

  it('a neighbour may have an address of both families', () => {
    for (const source of ['::1', '::ffff:127.0.0.1']) {
      expect(new Reach(source).urlsAmong(['http://127.0.0.1:1'], false), source).to.have.length(1);
    }
    expect(new Reach(far).urlsAmong(['https://192.0.2.7:1'], true)).to.have.length(1);
  });

  it('a name is looked at when it is looked up', async () => {
    const lookup = new Reach(far).limit((name, _options, callback) => {
      const addresses = name === 'inside' ? ['127.0.0.1', '::1', '169.254.169.254'] : ['127.0.0.1', '192.0.2.7'];
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    });
    const ask = (name: string, all: boolean): Promise<unknown> =>
      new Promise((resolve) => {
        lookup(name, { all }, (error, address) => resolve(error?.message ?? address));
      });
    expect(await ask('inside', true)).to.equal('no address of inside may be dialled');
    expect(await ask('mixed', true)).to.deep.equal([{ address: '192.0.2.7', family: 4 }]);
    expect(await ask('mixed', false)).to.equal('192.0.2.7');
  });
});

type Remote = NonNullable<ReturnType<LearnedMembers['find']>>;
type LearnedContext = ConstructorParameters<typeof LearnedMembers>[0]['ctx'];

describe('learned members', () => {
  afterEach(stopAll);

  /** Members whose proofs end as a test says, in time that passes as it says. */
  class World {
    readonly proofs: { id: NodeId; url: string; end: (proven: boolean) => Promise<void> }[] = [];
    readonly learned: LearnedMembers;
    readonly ctx: { -readonly [Key in keyof LearnedContext]: LearnedContext[Key] };
    now = 0;
    wanted = true;
    private timers: { at: number; run: () => void }[] = [];

    constructor() {
      const transport = newTransport(1n, new Recorder());
      this.ctx = { ...(transport as unknown as { ctx: LearnedContext }).ctx };
      this.learned = new LearnedMembers({
        ctx: this.ctx,
        isWanted: () => this.wanted,
        ownUrls: () => ['http://192.0.2.1:2380'],
        now: () => this.now,
        schedule: (run, ms) => {
          this.timers.push({ at: this.now + ms, run });
          return () => undefined;
        },
        prove: (_ctx, { id, url }) =>
          new Promise((resolve) => {
            const end = (proven: boolean): Promise<void> => {
              resolve(proven);
              this.proofs.splice(this.proofs.indexOf(proof), 1);
              return new Promise((done) => setImmediate(done));
            };
            const proof = { id, url, end };
            this.proofs.push(proof);
          }),
      });
      stopLater(this.learned);
    }

    claim(id: NodeId, url: string, source = '192.0.2.99'): void {
      this.learned.claim({ id, urls: url.split(','), source });
    }

    async prove(id: NodeId, url: string, source?: string): Promise<void> {
      this.claim(id, url, source);
      await this.proofs.find((one) => one.id === id && one.url === url)?.end(true);
      this.pass(PROOF_SPACING_MS);
    }

    pass(ms: number): void {
      this.now += ms;
      const due = this.timers.filter(({ at }) => at <= this.now);
      this.timers = this.timers.filter(({ at }) => at > this.now);
      for (const { run } of due) run();
    }
  }

  it('an address counts once the member has answered there, and not otherwise', async () => {
    const world = new World();
    world.claim(2n, 'http://192.0.2.2:1,http://192.0.2.3:1,http://192.0.2.1:2380,unix:///run/x');
    expect(world.proofs.map(({ url }) => url)).to.deep.equal(['http://192.0.2.2:1', 'http://192.0.2.3:1']);
    expect(world.learned.find(2n)).to.equal(undefined);
    await world.proofs[0]?.end(false);
    expect(world.learned.find(2n)).to.equal(undefined);
    await world.proofs[0]?.end(true);
    expect(world.learned.find(2n)?.picker.all).to.deep.equal(['http://192.0.2.3:1']);
  });

  it('a name stands for what the one who named it could reach, whoever else named another', async () => {
    const world = new World();
    const inside = (_name: string, _options: unknown, callback: (...found: unknown[]) => void): void =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    world.ctx.lookup = inside as typeof world.ctx.lookup;
    await world.prove(2n, 'http://near.example:1', '127.0.0.1');
    await world.prove(2n, 'http://far.example:1', '8.8.8.8');
    const member = world.learned.find(2n) as Remote;
    expect(member.picker.all).to.have.length(2);
    const { lookup } = (member.links.pipeline.http as Agent & { options: { lookup?: LookupFunction } }).options;
    const ask = (name: string): Promise<unknown> =>
      new Promise((resolve) => {
        (lookup as LookupFunction)(name, {}, (error, address) => resolve(error?.message ?? address));
      });
    expect(await ask('near.example')).to.equal('127.0.0.1');
    expect(await ask('far.example')).to.equal('no address of far.example may be dialled');
    expect(await ask('other.example')).to.equal('no address of other.example may be dialled');
  });

  it('forged claims take neither all proofs nor all places', async () => {
    const world = new World();
    for (let i = 0; i < 64; i++) world.claim(BigInt(100 + i), `http://192.0.2.50:${i + 1}`, '192.0.2.50');
    expect(world.proofs).to.have.length(MAX_PROOFS_PER_SOURCE);
    await world.prove(2n, 'http://192.0.2.2:1', '192.0.2.2');
    expect(world.learned.find(2n)).not.to.equal(undefined);
    for (let i = 0; i < 64; i++) world.claim(BigInt(100 + i), `http://192.0.2.50:${i + 1}`, `198.51.100.${i}`);
    expect(world.proofs).to.have.length(MAX_PROOFS);
    // Those that fail keep their places for a while only.
    while (world.proofs.length > 0) await world.proofs[0]?.end(false);
    world.claim(3n, 'http://192.0.2.3:1', '192.0.2.50');
    expect(world.proofs).to.deep.equal([]);
    world.pass(PROOF_SPACING_MS);
    await world.prove(3n, 'http://192.0.2.3:1', '192.0.2.50');
    expect(world.learned.find(3n)).not.to.equal(undefined);
  });

  it('a member that is forgotten is stopped', async () => {
    const world = new World();
    await world.prove(2n, 'http://192.0.2.2:1');
    const remote = world.learned.find(2n);
    let stopped = 0;
    Object.assign(remote ?? {}, {
      stop: () => {
        stopped++;
        return Promise.resolve();
      },
    });
    world.learned.forget(2n);
    expect([stopped, world.learned.find(2n)]).to.deep.equal([1, undefined]);
  });

  it('if places are short, the member that was named longest ago gives way', async () => {
    const world = new World();
    await world.prove(2n, 'http://192.0.2.2:1');
    for (let i = 0; i < MAX_LEARNED_REMOTES; i++) {
      await world.prove(BigInt(100 + i), `http://192.0.2.50:${i + 1}`);
      world.claim(2n, 'http://192.0.2.2:1');
    }
    expect(world.learned.find(2n)).not.to.equal(undefined);
    expect(world.learned.find(100n)).to.equal(undefined);
    expect(world.learned.find(101n)).not.to.equal(undefined);
  });

  it('an address of somebody who answers in the member’s name gets a share, not all', async () => {
    const world = new World();
    await world.prove(2n, 'http://192.0.2.2:1');
    await world.prove(2n, 'http://192.0.2.66:1');
    const picker = world.learned.find(2n)?.picker;
    const picked = Array.from({ length: 4 }, () => picker?.pick());
    expect(picked.filter((url) => url === 'http://192.0.2.2:1')).to.have.length(2);
    for (let i = 1; i <= MAX_ADDRESSES + 3; i++) await world.prove(2n, `http://192.0.2.66:${i + 1}`);
    expect(picker?.all).to.have.length(MAX_ADDRESSES);
    // It was crowded out, and names itself again.
    await world.prove(2n, 'http://192.0.2.2:1');
    expect(picker?.all).to.include('http://192.0.2.2:1');
  });

  it('nobody who is a known peer by then is learned, or stays learned', async () => {
    const world = new World();
    world.claim(2n, 'http://192.0.2.2:1');
    world.wanted = false;
    await world.proofs[0]?.end(true);
    world.claim(3n, 'http://192.0.2.3:1');
    expect([world.learned.find(2n), world.proofs.length]).to.deep.equal([undefined, 0]);
    world.wanted = true;
    world.pass(PROOF_SPACING_MS);
    await world.prove(2n, 'http://192.0.2.2:1');
    world.learned.forget(2n);
    expect(world.learned.find(2n)).to.equal(undefined);
  });

  it('URLs are taken in turn, those that fail when all do', () => {
    const turns = new TakingTurns(['http://a:1', 'http://b:1', 'http://c:1']);
    const pickOne = (): string => {
      const url = turns.pick();
      turns.release(url, true);
      return url.slice(7, 8);
    };
    const pick = (count: number): string => Array.from({ length: count }, pickOne).join('');
    expect(pick(6)).to.equal('abcabc');
    turns.unreachable('http://b:1');
    expect(new Set(pick(4))).to.deep.equal(new Set(['a', 'c']));
    for (const host of ['a', 'c']) turns.unreachable(`http://${host}:1`);
    expect(new Set(pick(3))).to.deep.equal(new Set(['a', 'b', 'c']));
    turns.unreachable('http://b:1');
    turns.update(['http://a:1', 'http://b:1']);
    expect(new Set(pick(2))).to.deep.equal(new Set(['a', 'b']));
  });

  it('a URL that failed once is tried again, although another one always answers', () => {
    const [honest, liar] = ['http://a:1', 'http://b:1'];
    const turns = new TakingTurns([honest, liar]);
    turns.release(turns.pick(), false);
    turns.unreachable(honest);
    let picked = 0;
    for (let i = 0; i < 100; i++) {
      const url = turns.pick();
      if (url === honest) picked++;
      turns.release(url, true);
    }
    expect(picked).to.be.within(40, 50);
  });

  it('a URL that does not answer holds no more than its share of what is under way', () => {
    for (let silent = 1; silent < MAX_ADDRESSES; silent++) {
      const urls = Array.from({ length: silent + 1 }, (_, i) => `http://${String.fromCharCode(97 + i)}:1`);
      const [honest = ''] = urls;
      const turns = new TakingTurns(urls);
      let free = PIPELINE_WORKERS;
      // Only one of the URLs ever gives a place back.
      for (let sent = 0; free > 0 && sent < 100; sent++) {
        if (turns.pick(free === 1 ? 'last' : 'any') === honest) turns.release(honest, true);
        else free--;
      }
      expect(free, `${silent} of ${urls.length}`).to.equal(PIPELINE_WORKERS - silent);
    }
  });

  it('snapshots under way, which have places of their own, leave the turns as they are', () => {
    const turns = new TakingTurns(['http://a:1', 'http://b:1']);
    turns.release(turns.pick(), true);
    const picked = Array.from({ length: 2 * PIPELINE_WORKERS }, () => turns.pick());
    expect(picked.filter((url) => url === 'http://a:1')).to.have.length(PIPELINE_WORKERS);
  });

  it('URLs that have given way and still hold places leave one to the URL that answers', () => {
    const turns = new TakingTurns(['http://a:1']);
    turns.release(turns.pick(), true);
    let answered = 0;
    let held = 0;
    for (let i = 1; i <= 20; i++) {
      turns.update(['http://a:1', `http://b:${i}`]);
      for (let sent = 0; sent < 4; sent++) {
        const url = turns.pick(held === PIPELINE_WORKERS - 1 ? 'last' : 'any');
        if (url !== 'http://a:1') {
          held++;
          continue;
        }
        turns.release(url, true);
        answered++;
      }
    }
    expect(answered).to.equal(80 - (PIPELINE_WORKERS - 1));
    expect([turns.patienceMs('http://a:1'), turns.patienceMs('http://b:20')]).to.deep.equal([
      Infinity,
      PROOF_TIMEOUT_MS,
    ]);
  });

  it('an address that has answered does not give way to those that never have', async () => {
    const world = new World();
    await world.prove(2n, 'http://192.0.2.2:1');
    const picker = world.learned.find(2n)?.picker;
    picker?.release(picker.pick(), true);
    for (let i = 1; i <= 2 * MAX_ADDRESSES; i++) await world.prove(2n, `http://192.0.2.66:${i}`);
    expect(picker?.all).to.have.length(MAX_ADDRESSES).and.to.include('http://192.0.2.2:1');
  });

  describe('by a transport', () => {
    const vote = (from: NodeId): Uint8Array => encodeMessage(message(MessageType.MsgVote, from, 2n, { term: 1 }));

    /** A member that says where it is, and knows 2. */
    async function startNamed(id: NodeId, peer: string): Promise<Member> {
      const port = await freePort();
      const member = await startMember(id, { urls: [`http://127.0.0.1:${port}`] }, port);
      member.transport.addPeer(2n, [peer]);
      return member;
    }

    /** The answers of a joiner to this member arrive. */
    async function expectAnswers(joiner: HttpTransport, { id, receiver }: Member): Promise<void> {
      await eventually('an answer arrives', () => {
        joiner.send([message(MessageType.MsgHeartbeatResp, 2n, id)]);
        return receiver.types().includes(MessageType.MsgHeartbeatResp);
      });
    }

    it('while it knows no peer, learns who writes to it, and answers', async () => {
      const joiner = await startMember(2n);
      const [one, three] = [await startNamed(1n, joiner.listener.url), await startNamed(3n, joiner.listener.url)];
      await expectAnswers(joiner.transport, one);
      await expectAnswers(joiner.transport, three);
    });

    it('whatever others have named in its name, or in others’', async () => {
      const joiner = await startMember(2n);
      const { port } = joiner.listener.address;
      const socketPath = join(scratchFolder(), 'local.sock');
      let dialled = 0;
      const local = createServer((socket: Socket) => {
        dialled++;
        socket.destroy();
      });
      local.listen(socketPath);
      await once(local, 'listening');
      stopLater({ stop: () => new Promise<void>((resolve) => local.close(() => resolve())) });
      // Answers everything as a member of the cluster would that took it.
      const liar = await startServer((req, res) => {
        req.resume();
        res.writeHead(req.method === 'GET' ? 200 : 204, { [Header.clusterId]: CLUSTER.toString(16) });
        res.end();
      });
      const forge = async (from: NodeId, urls: string): Promise<void> => {
        const { status } = await exchangeRaw(port, post(from, vote(from), { [Header.peerUrls]: urls }));
        expect(status).to.equal(204);
      };
      for (const urls of [`unix://${socketPath}`, 'http://127.0.0.1:1', joiner.listener.url, liar.url])
        await forge(1n, urls);
      for (let i = 0; i < 64; i++) await forge(BigInt(100 + i), `http://127.0.0.1:${i + 1}`);
      const one = await startNamed(1n, joiner.listener.url);
      await expectAnswers(joiner.transport, one);
      expect(dialled).to.equal(0);
    });

    it('although servers in its name take what they get and never answer', async () => {
      const joiner = await startMember(2n);
      const added = (): number => joiner.receiver.log.filter((line) => line.includes('added remote member')).length;
      let taken = 0;
      for (let i = 1; i < MAX_ADDRESSES; i++) {
        const silent = await startServer((req, res) => {
          req.resume();
          if (req.method === 'POST') taken++;
          else res.writeHead(200, { [Header.clusterId]: CLUSTER.toString(16) }).flushHeaders();
        });
        await exchangeRaw(joiner.listener.address.port, post(1n, vote(1n), { [Header.peerUrls]: silent.url }));
        await eventually('it is learned', () => added() === i);
      }
      const one = await startNamed(1n, joiner.listener.url);
      await eventually('so is the member', () => added() === MAX_ADDRESSES);
      const answers = (): number => one.receiver.types().filter((t) => t === MessageType.MsgHeartbeatResp).length;
      await eventually('answers go on arriving', () => {
        joiner.transport.send([message(MessageType.MsgHeartbeatResp, 2n, 1n)]);
        return answers() >= 20;
      });
      expect(taken).to.be.at.most(PIPELINE_WORKERS - 1);
    });

    it('a server that is another member, or of another cluster, proves nothing', async () => {
      const joiner = await startMember(2n);
      const three = await startMember(3n);
      three.transport.addPeer(2n, ['http://127.0.0.1:1']);
      const foreign = await startMember(1n, { clusterId: CLUSTER + 1n });
      foreign.transport.addPeer(2n, ['http://127.0.0.1:1']);
      const other = await startServer((_req, res) => void res.writeHead(200).end());
      const refused = (): number =>
        joiner.receiver.log.filter((line) => line.includes('not where it was said to be')).length;
      for (const [i, url] of [three.listener.url, foreign.listener.url, other.url].entries()) {
        await exchangeRaw(joiner.listener.address.port, post(1n, vote(1n), { [Header.peerUrls]: url }));
        await eventually(`${url} is refused`, () => refused() === i + 1);
      }
      expect(joiner.receiver.log.some((line) => line.includes('added remote member'))).to.equal(false);
    });
  });
});
