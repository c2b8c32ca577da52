import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshot } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { Header, MAX_HEADER_BYTES } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  exchangeRaw,
  type Member,
  newTransport,
  type RawAnswer,
  Recorder,
  scratchFolder,
  startMember,
  stopAll,
} from './members.js';
import { type Exchange, exchanges } from './vectors.js';

interface Difference {
  readonly names: RegExp;
  /** Our status and, where there is one, our text. */
  readonly ours: readonly [status: number, text?: string];
  readonly why: string;
}

/** Where we answer otherwise than etcd, on purpose. Each row is also one of rafthttp/README.md. */
const differs: readonly Difference[] = [
  {
    names: /^pipeline\/(ok\/(beat|check-quorum|hup|snap-status|storage-.*|unreachable)|empty-body)$/u,
    ours: [400, 'wrong raft message type\n'],
    why: 'messages that a member sends to itself are not taken from the network',
  },
  { names: /^pipeline\/ok\/link-heartbeat$/u, ours: [400, 'to field mismatch\n'], why: 'it is for nobody' },
  { names: /^pipeline\/ok\/forget-leader$/u, ours: [400, 'from field mismatch\n'], why: 'it says that it is from us' },
  {
    names: /^pipeline\/(from-unknown|remote-added)$/u,
    ours: [400, 'from field mismatch\n'],
    why: 'the header names another sender',
  },
  {
    names: /^(pipeline|snapshot|stream)\/(server|min)-version-(malformed|two-parts|v)$/u,
    ours: [412, 'incompatible version\n'],
    why: 'etcd panics',
  },
  {
    names: /^pipeline\/process-(error|etcd-http-error)$/u,
    ours: [500, 'error processing raft message\n'],
    why: 'etcd cuts the connection after it',
  },
  {
    names: /^pipeline\/process-writes-itself$/u,
    ours: [500, 'error processing raft message\n'],
    why: 'a receiver writes no answers',
  },
  {
    names: /^(pipeline\/body-cut|snapshot\/database-cut)/u,
    ours: [400, ''],
    why: 'node answers a request that breaks off',
  },
  {
    names: /^pipeline\/peer-urls-malformed$/u,
    ours: [400, 'to field mismatch\n'],
    why: 'etcd panics; the message is for another member',
  },
  {
    names: /^snapshot\/(no-snapshot)$/u,
    ours: [400, 'no snapshot\n'],
    why: 'etcd panics',
  },
  {
    names: /^snapshot\/snapshot-empty$/u,
    ours: [400, 'snapshot without an index\n'],
    why: 'what raft could not install is not stored',
  },
  {
    names: /^snapshot\/envelope-malformed$/u,
    ours: [
      400,
      'failed to decode raft message (rafthttp: cannot decode a record: RaftError: record ends within a field at byte 0)\n',
    ],
    why: 'the words are our decoder’s',
  },
  {
    names: /^snapshot\/length-64MiB\+1$/u,
    ours: [400, 'failed to decode raft message (rafthttp: error limit exceeded: 67108865 > 67108864)\n'],
    why: 'the numbers are said',
  },
  {
    names: /^snapshot\/length-2p64-1$/u,
    ours: [400, 'failed to decode raft message (rafthttp: error limit exceeded: 18446744073709552000 > 67108864)\n'],
    why: 'the numbers are said',
  },
  {
    names: /^snapshot\/save-fails$/u,
    ours: [500, 'failed to save KV snapshot (the folder is missing)\n'],
    why: 'the words are the store’s',
  },
  {
    names: /^snapshot\/process-etcd-http-error$/u,
    ours: [500, 'failed to process raft message (raft is stopped)\n'],
    why: 'the words are the receiver’s',
  },
  {
    names: /^snapshot\/process-writes-itself$/u,
    ours: [500, 'failed to process raft message (raft is stopped)\n'],
    why: 'a receiver writes no answers',
  },
  {
    names: /^snapshot\/remote-added$/u,
    ours: [400, 'from field mismatch\n'],
    why: 'the header names another sender',
  },
  { names: /^stream\/unknown-with-bad-urls$/u, ours: [404, 'error sender not found\n'], why: 'etcd panics' },
  {
    names: /^path\/(GET|POST) (\/raft\/stream|\/\/raft|\/raft\/\.\/snapshot)$/u,
    ours: [404, '404 page not found\n'],
    why: 'no redirects to clean paths',
  },
  {
    names: /^path\/GET \/raft\/stream\/(\/msgapp\/2|\.\.\/probing)$/u,
    ours: [404, 'invalid path\n'],
    why: 'no redirects to clean paths',
  },
  {
    names: /^path\/POST \/raft\/stream\/(\/msgapp\/2|\.\.\/probing)$/u,
    ours: [405, 'Method Not Allowed\n'],
    why: 'no redirects to clean paths',
  },
];

/** What of an answer is compared. Headers that name a moment or this process are left out, after a look at them. */
function comparable(status: number, headers: readonly [string, string][], text: string): unknown {
  // Go writes nanoseconds, so that the length of an answer that tells the time is another one too.
  const ignored = [
    'Date',
    Header.incarnation,
    Header.run,
    Header.snapshotParts,
    ...(text.includes('"Now"') ? ['Content-Length'] : []),
  ];
  const kept = headers.filter(([name]) => !ignored.includes(name));
  return {
    status,
    headers: kept.map(([name, value]) => `${name}: ${value}`).sort(),
    text: text.replace(/"Now":"[^"]*"/u, '"Now":""'),
  };
}

/**
 * The recorded request. Where etcd processed a message, the header names its real sender, which etcd does not check.
 */
function requestOf({ name, request, processed }: Exchange): Buffer {
  const sender = name.startsWith('snapshot/') ? '1' : processed?.[0]?.from;
  const headers = request.headers.map(([key, value]): string => {
    const isDefault = key === 'X-Server-From' && value === '2' && !name.includes('from-');
    const real = isDefault && typeof sender === 'string' ? BigInt(sender).toString(16) : value;
    return `${key}: ${real}\r\n`;
  });
  const head = Buffer.from(`${request.method} ${request.path} HTTP/1.1\r\n${headers.join('')}\r\n`);
  const body = Buffer.from(request.bodyHex, 'hex');
  if (request.framing.endsWith('length') || body.length === 0) return Buffer.concat([head, body]);
  const last = request.framing === 'chunked' ? '\r\n0\r\n\r\n' : '\r\n';
  return Buffer.concat([head, Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from(last)]);
}

describe('answers, beside those of etcd', () => {
  const unused = new Set(differs);

  afterEach(stopAll);

  for (const exchange of exchanges()) {
    it(exchange.name, async () => {
      const { name, request, response, processed } = exchange;
      const to = processed?.[0]?.to;
      // The transport that recorded them was member 1 and took messages to anybody.
      const id = typeof to === 'string' ? BigInt(to) : name.startsWith('snapshot/') ? 2n : 1n;
      const { listener, receiver, transport, folder, snapshots } = await startRecorded(
        id,
        name === 'snapshot/save-fails',
      );
      if (name.includes('/process-')) receiver.onProcess = () => Promise.reject(new Error('raft is stopped'));

      const answer = await exchangeRaw(listener.address.port, requestOf(exchange), {
        end: request.framing.startsWith('cut'),
        isHead: request.method === 'HEAD',
      });

      if (name.startsWith('probing/')) {
        // Ours says which member answers, too.
        for (const added of [Header.clusterId, Header.from]) {
          const at = answer.headers.findIndex(([header]) => header === added);
          expect(answer.headers.splice(at, at < 0 ? 0 : 1), added).to.have.length(1);
        }
      }
      const row = differs.find(({ names }) => names.test(name));
      if (row === undefined) {
        const { status, headers, text } = response;
        if (name === 'probing/HEAD') headers.splice(1, 1, ['Content-Length', '45']);
        expect(comparable(answer.status, answer.headers, answer.body)).to.deep.equal(comparable(status, headers, text));
      } else {
        unused.delete(row);
        const [status, text = ''] = row.ours;
        expect({ status: answer.status, text: answer.body }).to.deep.equal({ status, text });
      }
      expectDateAndIncarnation(answer, transport.incarnation, name);
      const taken = answer.status === 204 || answer.status === 500 ? (processed ?? []) : [];
      expect(receiver.processed).to.have.length(taken.length);
      if (name.startsWith('snapshot/')) {
        // Etcd keeps the body of a message that was refused.
        const stored = answer.status === 204 ? (processed ?? []) : [];
        expect(readdirSync(folder)).to.have.length(stored.length);
        // It has etcd's name once it was opened.
        for (const one of receiver.processed) if (stored.length > 0) await snapshots.open(one.snapshot as Snapshot);
        for (const [file, hex] of Object.entries(exchange.files ?? {})) {
          if (stored.length > 0) expect(readFileSync(join(folder, file), 'hex')).to.equal(hex);
        }
      }
    });
  }

  after('every row of the table was used', () => expect([...unused].map(({ names }) => names)).to.deep.equal([]));

  it('a head that is too long is refused', async () => {
    const { listener } = await startRecorded(1n);
    const long = `GET /raft/probing HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(MAX_HEADER_BYTES)}\r\n\r\n`;
    expect((await exchangeRaw(listener.address.port, long)).status).to.equal(431);
  });

  it('probing answers the time', async () => {
    const { listener } = await startRecorded(1n);
    const { body } = await exchangeRaw(listener.address.port, 'GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n');
    const { OK, Now } = JSON.parse(body) as { OK: boolean; Now: string };
    expect(OK).to.equal(true);
    expect(Now).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/u);
  });
});

/** Cluster 1000, peer 2, removed dead, as where the exchanges were recorded. */
async function startRecorded(
  id: bigint,
  failing = false,
): Promise<Member & { folder: string; snapshots: SnapshotFolder }> {
  const folder = scratchFolder();
  const snapshots = new SnapshotFolder(folder);
  if (failing) snapshots.create = () => Promise.reject(new Error('the folder is missing'));
  const member = await startMember(id, { snapshots });
  member.receiver.removed.add(0xdeadn);
  // A port that nothing listens at; it only has to be known.
  member.transport.addPeer(2n, ['http://127.0.0.1:1']);
  return { ...member, folder, snapshots };
}

function expectDateAndIncarnation({ status, headers }: RawAnswer, incarnation: string | undefined, name: string): void {
  const of = (header: string): string | undefined => headers.find(([key]) => key === header)?.[1];
  // What node answers to a request that it cannot parse carries nothing.
  if (/^(pipeline\/body-cut|snapshot\/database-cut)/u.test(name)) return;
  expect(status).not.to.equal(0);
  expect(of('Date')).to.match(/GMT$/u);
  expect(of(Header.incarnation)).to.equal(incarnation);
}

describe('a transport without an incarnation', () => {
  afterEach(stopAll);

  it('sends no header of ours', async () => {
    const transport = newTransport(1n, new Recorder(), { incarnation: false });
    const { address } = await transport.serve({ host: '127.0.0.1', port: 0 });
    const { headers } = await exchangeRaw(address.port, 'GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(headers.map(([name]) => name)).not.to.include(Header.incarnation);
  });
});
