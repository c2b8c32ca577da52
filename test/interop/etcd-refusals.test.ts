/**
 * Real etcd servers whose third member is a transport of ours that refuses them. They must go on, and not stop
 * themselves.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage, MessageType } from '@raft-ts/proto';
import { HttpTransport, type HttpTransportOptions } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import {
  message,
  newTransport,
  Recorder,
  scratchFolder,
  eventually as soon,
  stopAll,
  stopLater,
} from '../rafthttp/members.js';
import { EtcdCluster, needsEtcd, say, served } from './etcd-cluster.js';
import { clusterId, type EtcdMember } from './etcd-ids.js';

/** How often each etcd is refused before it is asked whether it still lives. */
const REFUSALS = 40;

interface Tampering {
  readonly name: string;
  readonly statuses: readonly number[];
  /** What the transport of ours is, other than the member that the etcds take it for. */
  readonly options?: (cluster: EtcdCluster, ours: EtcdMember) => Partial<HttpTransportOptions>;
  /** What becomes of a request on its way to it. */
  readonly change?: (cluster: EtcdCluster, head: Record<string, string>, body: Buffer) => Buffer;
}

const tamperings: readonly Tampering[] = [
  {
    name: 'messages for another member',
    statuses: [400, 412],
    options: (_cluster, { id }) => ({ id: id + 1n }),
  },
  {
    name: 'members of another cluster',
    statuses: [412],
    options: ({ members }) => ({ clusterId: clusterId(members.map(({ id }) => id)) + 1n }),
  },
  {
    name: 'messages from somebody else than their sender',
    statuses: [400],
    change: ({ members: [a, b] }, head, body) => {
      const other = head['x-server-from'] === a?.id.toString(16) ? b?.id : a?.id;
      head['x-server-from'] = (other ?? 0n).toString(16);
      return body;
    },
  },
  {
    name: 'messages that do not travel',
    statuses: [400],
    change: ({ members: [, , ours] }, head) =>
      Buffer.from(
        encodeMessage(message(MessageType.MsgHup, BigInt(`0x${head['x-server-from']}`), (ours as EtcdMember).id)),
      ),
  },
];

function isPost({ method, url }: IncomingMessage): boolean {
  return method === 'POST' && url === '/raft';
}

/** In front of a member of ours: changes what comes, and counts what is answered. */
function tamper(cluster: EtcdCluster, { change }: Tampering, url: string, answers: Map<string, number>): Server {
  return createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const head = { ...req.headers } as Record<string, string>;
      const from = head['x-server-from'];
      const whole = Buffer.concat(chunks);
      const body = isPost(req) ? (change?.(cluster, head, whole) ?? whole) : whole;
      delete head['transfer-encoding'];
      if (req.method === 'POST') head['content-length'] = String(body.length);
      const through = request(url + req.url, { method: req.method, headers: head }, (answer) => {
        const key = `${from} ${isPost(req) ? 'POST' : 'GET'} ${answer.statusCode}`;
        if (req.url !== '/raft/probing') answers.set(key, (answers.get(key) ?? 0) + 1);
        res.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(res);
      });
      through.on('error', () => res.destroy());
      through.end(body);
    });
    req.on('error', () => undefined);
  });
}

describe('etcd servers stay up where ours refuses', function refusals() {
  const binary = needsEtcd('3.7.1');
  let cluster: EtcdCluster;

  afterEach(async () => {
    await cluster.end();
    await stopAll();
  });

  async function expectUp(): Promise<void> {
    for (const etcd of cluster.etcds) {
      expect(etcd.running, `${etcd.name} runs`).to.equal(true);
      await served(etcd, `of ${etcd.name}`, 'x');
    }
  }

  for (const tampering of tamperings) {
    it(tampering.name, async () => {
      cluster = await EtcdCluster.create(binary);
      const ours = cluster.members[2] as EtcdMember;
      const receiver = new Recorder();
      const transport = newTransport(ours.id, receiver, {
        clusterId: clusterId(cluster.members.map(({ id }) => id)),
        incarnation: false,
        timings: {},
        ...tampering.options?.(cluster, ours),
      });
      const { url } = await transport.serve({ host: '127.0.0.1', port: 0 });
      const answers = new Map<string, number>();
      const server = tamper(cluster, tampering, url, answers);
      server.listen(Number(new URL(ours.peerUrls[0] as string).port), '127.0.0.1');
      stopLater({
        stop: async () => {
          server.closeAllConnections();
          server.close();
        },
      });
      for (const etcd of cluster.etcds) etcd.start();
      await served(await cluster.leadingEtcd(), 'key', 'value');
      const refused = (id: bigint): number =>
        tampering.statuses
          .flatMap((status) => ['POST', 'GET'].map((method) => `${id.toString(16)} ${method} ${status}`))
          .reduce((sum, key) => sum + (answers.get(key) ?? 0), 0);
      const leader = await cluster.leadingEtcd();
      await soon('the leader is refused often', () => refused(leader.options.member.id) >= REFUSALS);
      await expectUp();
      say([...answers].map(([key, count]) => `${count} × ${key.slice(key.indexOf(' ') + 1)}`).join(', '));
      expect(receiver.processed).to.deep.equal([]);
      for (const status of [403, 410]) expect([...answers.keys()].join()).not.to.include(` ${status}`);
    });
  }

  it('certificates of another authority', async () => {
    const folder = scratchFolder();
    const [here, there] = [new Authority(folder, 'here'), new Authority(folder, 'there')];
    const theirs = there.issue('theirs', { cn: 'etcd', hosts: ['127.0.0.1'] });
    const both = join(folder, 'both.crt');
    for (const { caFile } of [here, there]) appendFileSync(both, readFileSync(caFile));
    const flags = ['--peer-cert-file', theirs.certFile, '--peer-key-file', theirs.keyFile];
    cluster = await EtcdCluster.create(
      binary,
      [...flags, '--peer-trusted-ca-file', both, '--peer-client-cert-auth'],
      'https',
    );
    const ours = cluster.members[2] as EtcdMember;
    const { certFile, keyFile } = here.issue('ours', { cn: 'ours', hosts: ['127.0.0.1'] });
    const receiver = new Recorder();
    const transport: HttpTransport = newTransport(ours.id, receiver, {
      clusterId: clusterId(cluster.members.map(({ id }) => id)),
      tls: { certFile, keyFile, trustedCaFile: here.caFile, clientCertAuth: true },
      incarnation: false,
      timings: {},
    });
    await transport.serve({ host: '127.0.0.1', port: Number(new URL(ours.peerUrls[0] as string).port) });
    for (const etcd of cluster.etcds) etcd.start();
    await served(await cluster.leadingEtcd(), 'key', 'value');
    await soon('connections are refused', () => receiver.log.some((line) => line.includes('rejected connection')));
    await sleep(3000);
    await expectUp();
    expect(receiver.processed).to.deep.equal([]);
  });
});
