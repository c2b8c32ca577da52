import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageType, type NodeId } from '@raft-ts/proto';
import { expect } from 'chai';
import { Authority } from './certificates.js';
import { InteropMember } from './interop-member.js';
import {
  append,
  eventually,
  freePort,
  type Member,
  message,
  openStreams,
  scratchFolder,
  startMember,
  stopAll,
  stopLater,
} from './members.js';

const reference = fileURLToPath(new URL('../../reference', import.meta.url));

/** Builds the Go programs into this folder; says why if that is not possible. */
function build(folder: string): string | undefined {
  if (!existsSync(join(reference, 'go.mod'))) return 'the Go programs are not here';
  // One program more than the reference has, in its module.
  const overlay = join(scratchFolder(), 'overlay.json');
  const added = join(reference, 'cmd/tls-member/main.go');
  writeFileSync(
    overlay,
    JSON.stringify({
      Replace: { [added]: fileURLToPath(new URL('../../rafthttp/go/tls-member.go', import.meta.url)) },
    }),
  );
  const commands = ['member', 'transport', 'tls-member'].map((name) => `./cmd/${name}`);
  try {
    execFileSync('go', ['build', '-overlay', overlay, '-o', `${folder}/`, ...commands], {
      cwd: reference,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    return code === 'ENOENT' ? 'there is no Go toolchain' : `they do not build: ${String(stderr).slice(0, 200)}`;
  }
}

/** Ends with the test, whatever came of it. */
function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  stopLater({ stop: () => kill(child) });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('with Go members (etcd’s own transport and core)', function interop() {
  let programs = '';

  before(function needsGo() {
    programs = join(reference, '..', 'dist', 'go');
    const missing = build(programs);
    if (missing === undefined) return;
    console.log(`      skipped: ${missing}`);
    this.skip();
  });

  afterEach(stopAll);

  /** A Go transport, member 2, that counts what it receives and acknowledges it. */
  async function startGoReceiver(sender: string): Promise<string> {
    const child = start(join(programs, 'transport'), ['-receiver-for', sender]);
    const [url] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string];
    return url;
  }

  it('both streams, in both directions', async () => {
    const a = await startMember(1n, { timings: {} });
    const url = await startGoReceiver(a.listener.url);
    a.transport.addPeer(2n, [url]);
    const acks = (): number[] => a.receiver.processed.map(({ index }) => index);
    await eventually('the Go member answers', () => {
      a.transport.send([message(MessageType.MsgTimeoutNow, 1n, 2n, { index: 100 })]);
      return acks().length > 0;
    });
    const writers = (): number =>
      a.receiver.log.filter((line) => line.includes('established') && line.includes('stream-writer-type')).length;
    await eventually('it has opened both streams', () => writers() >= 2);
    await sleep(500);
    a.receiver.processed.length = 0;
    a.transport.send([message(MessageType.MsgTimeoutNow, 1n, 2n, { index: 100 })]);
    await eventually('it counts anew', () => acks().includes(0));
    a.transport.send(Array.from({ length: 1000 }, (_, i) => append(1n, 2n, i + 1, 'z'.repeat(i))));
    await eventually('all appends are acknowledged', () => acks().includes(1000));
    a.transport.send(
      Array.from({ length: 1000 }, (_, i) => message(MessageType.MsgHeartbeat, 1n, 2n, { term: 1, commit: i })),
    );
    await eventually('all heartbeats too', () => acks().includes(2000));
    expect(a.receiver.unreachable).to.deep.equal([]);
    // Longer than the Go side waits for a byte, and than its probes need to find us.
    await sleep(6000);
    expect(a.transport.activePeers()).to.equal(1);
    expect(a.receiver.log.filter((line) => line.includes('inactive') || line.includes('unhealthy'))).to.deep.equal([]);
  });

  it('by POST alone', async () => {
    const a = await startMember(1n, { timings: {} });
    // The Go member's streams are refused: to us it is no peer.
    const url = await startGoReceiver(a.listener.url);
    a.transport.addRemote(2n, [url]);
    a.transport.send([message(MessageType.MsgTimeoutNow, 1n, 2n, { term: 1, index: 1 })]);
    await eventually('it answers', () => a.receiver.processed.length === 1);
    a.transport.send(Array.from({ length: 20 }, (_, i) => append(1n, 2n, i + 1)));
    await eventually('all are acknowledged', () => a.receiver.processed.some(({ index }) => index === 20));
    expect(a.receiver.types().every((type) => type === MessageType.MsgAppResp)).to.equal(true);
    expect(a.receiver.unreachable).to.deep.equal([]);
  });

  describe('over mutual TLS', () => {
    const memberOf = ({ subject }: { subject: string }): bigint => BigInt(/^CN=(\d+)$/mu.exec(subject)?.[1] ?? 0);

    async function startTls(authority: Authority, crl?: string): Promise<Member> {
      const of = (id: bigint): { certFile: string; keyFile: string } =>
        authority.issue(`member-${id}`, { cn: String(id), hosts: ['127.0.0.1'], serial: `0${id}` });
      const a = await startMember(1n, { timings: {}, tls: { ...of(1n), trustedCaFile: authority.caFile, memberOf } });
      const two = of(2n);
      const child = start(join(programs, 'tls-member'), [
        ...['-peer', a.listener.url, '-cert', two.certFile, '-key', two.keyFile, '-ca', authority.caFile],
        ...(crl === undefined ? [] : ['-crl', crl]),
      ]);
      const [url] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string];
      a.transport.addPeer(2n, [url]);
      return a;
    }

    it('all ways', async () => {
      const a = await startTls(new Authority(scratchFolder()));
      const answered = (index: number): boolean => a.receiver.processed.some((one) => one.index === index);
      a.transport.send([message(MessageType.MsgTimeoutNow, 1n, 2n, { term: 1, index: 7 })]);
      await eventually('a POST is answered', () => answered(7));
      await eventually('both streams', () => openStreams(a) >= 2);
      a.transport.send([
        append(1n, 2n, 20),
        append(1n, 2n, 21),
        message(MessageType.MsgHeartbeat, 1n, 2n, { index: 30 }),
      ]);
      await eventually('all are answered', () => answered(20) && answered(21) && answered(30));
    });

    it('a certificate of ours that Go finds in the same list is refused there', async () => {
      const authority = new Authority(scratchFolder());
      const crl = join(authority.folder, 'list.crl');
      writeFileSync(crl, authority.revoke(['01']));
      const a = await startTls(authority, crl);
      a.transport.send([message(MessageType.MsgTimeoutNow, 1n, 2n, { term: 1, index: 7 })]);
      await eventually('it is refused', () => a.receiver.unreachable.length > 0);
      expect(a.receiver.processed).to.deep.equal([]);
    });
  });

  it('two Go members and one of ours: elections, entries, a streamed snapshot each way', async () => {
    const folder = scratchFolder();
    const ids = [1n, 2n, 3n];
    const ports = new Map<NodeId, { peer: number; client: number }>();
    for (const id of ids) ports.set(id, { peer: await freePort(), client: await freePort() });
    const peers = new Map(ids.map((id) => [id, `http://127.0.0.1:${ports.get(id)?.peer}`]));
    const client = (id: NodeId, path: string): string => `http://127.0.0.1:${ports.get(id)?.client}${path}`;
    const startGo = (id: NodeId): ChildProcess =>
      start(join(programs, 'member'), [
        ...['-id', String(id), '-peers', [...peers].map(([peer, url]) => `${peer}=${url}`).join(',')],
        ...['-client-addr', `127.0.0.1:${ports.get(id)?.client}`, '-data', join(folder, String(id))],
        ...['-snapshots', 'stream', '-snapshot-every', '100', '-catch-up', '10'],
      ]);
    const statusOf = async (id: NodeId): Promise<{ leader: number; applied: number; snapshotIndex: number }> => {
      const answer = await fetch(client(id, '/status'));
      return (await answer.json()) as { leader: number; applied: number; snapshotIndex: number };
    };
    const put = async (id: NodeId, key: string, value: string): Promise<void> => {
      for (let attempt = 0; attempt < 50; attempt++) {
        const answer = await fetch(client(id, `/kv/${key}`), { method: 'PUT', body: value }).catch(() => undefined);
        await answer?.arrayBuffer();
        if (answer?.status === 200) return;
        await sleep(200);
      }
      throw new Error(`no put at ${id}`);
    };
    const get = async (id: NodeId, key: string): Promise<string> => {
      const answer = await fetch(client(id, `/kv/${key}?consistency=stale`));
      return answer.text();
    };

    const go = new Map([1n, 2n].map((id) => [id, startGo(id)]));
    for (let i = 0; i < 250; i++) await put(i % 2 === 0 ? 1n : 2n, `early-${i}`, `value ${i}`);

    // What ours needs is no longer in the log of either.
    const ours = new InteropMember({ id: 3n, peers, folder: join(folder, '3'), snapshotEvery: 100, keep: 10 });
    stopLater(ours);
    await ours.start();
    await eventually('it has taken a streamed snapshot and the rest', () => ours.store.has('early-249'));
    expect(ours.streamedIn.length).to.be.greaterThan(0);
    for (let i = 0; i < 250; i++) expect(ours.store.get(`early-${i}`)?.[0]).to.equal(`value ${i}`);

    // Both must vote for it, or one alone would do.
    await put(1n, 'before', 'ours leads');
    for (let attempt = 0; !ours.leads && attempt < 20; attempt++) {
      const { leader } = await statusOf(1n);
      await fetch(client(leader === 2 ? 2n : 1n, '/leader'), { method: 'POST', body: '{"id":3}' }).catch(
        () => undefined,
      );
      await sleep(300);
    }
    expect(ours.leads).to.equal(true);

    await kill(go.get(2n) as ChildProcess);
    for (let i = 0; i < 250; i++) {
      if (i % 2 === 0) ours.propose(`late-${i}`, `value ${i}`);
      else await put(1n, `late-${i}`, `value ${i}`);
    }
    await eventually('ours has all', () => ours.store.size >= 501);
    go.set(2n, startGo(2n));
    await eventually('it has sent a snapshot', () => ours.streamedOut.includes('finish'));
    const { applied } = ours;
    let caughtUp = false;
    for (let attempt = 0; attempt < 100 && !caughtUp; attempt++) {
      await sleep(100);
      caughtUp = await statusOf(2n).then(
        (status) => status.applied >= applied,
        () => false,
      );
    }
    expect(caughtUp).to.equal(true);
    for (const id of [1n, 2n]) {
      for (const key of ['early-7', 'late-0', 'late-249']) {
        expect(await get(id, key), `${key} at ${id}`).to.equal(ours.store.get(key)?.[0]);
      }
    }
    expect(ours.streamedOut.every((status) => status === 'finish')).to.equal(true);
    for (const type of [
      MessageType.MsgApp,
      MessageType.MsgAppResp,
      MessageType.MsgProp,
      MessageType.MsgSnap,
      MessageType.MsgTimeoutNow,
    ]) {
      expect(ours.arrived.has(type), String(type)).to.equal(true);
    }

    // The leader ends: the Go members go on without it.
    await ours.stop();
    await put(1n, 'after', 'all is well');
    expect(await get(1n, 'after')).to.equal('all is well');
  });
});
