import type { IncomingMessage } from 'node:http';
import { decodeMessage, type Message, messageName } from '@raft-ts/proto';
import { EnvelopeDecoder, Header } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { chunksOf, eventually, newTransport, quick, Recorder, startServer, stopAll } from './members.js';
import { type RecordedRequest, requests, show } from './vectors.js';

interface Received {
  line: string;
  headers: string[];
  body: Buffer;
}

/** A server that takes requests down and answers each with this status. */
async function startAnswering(status: number): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const { url } = await startServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      received.push({
        line: `${req.method} ${req.url} HTTP/1.1`,
        headers: headerLines(req),
        body: Buffer.concat(chunks),
      });
      // As every answer of etcd's does, except those that probe.
      const cluster = req.headers['x-etcd-cluster-id'];
      res.writeHead(status, { [Header.version]: '3.7.1', ...(cluster ? { [Header.clusterId]: cluster } : {}) }).end();
    });
  });
  return { url, received };
}

function headerLines(req: IncomingMessage): string[] {
  const lines: string[] = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
  return lines;
}

/** Headers that belong to the HTTP client, or are ours alone, and the length, because etcd writes zeros. */
const aside = /^(Host|User-Agent|Accept-Encoding|Accept|Connection|Content-Length|X-Raft-(Incarnation|Run)|Trailer): /u;

function comparable(lines: readonly string[]): string[] {
  return lines.filter((line) => !aside.test(line)).sort();
}

/** What a receiver was told, in the words of the recording. */
function effects(receiver: Recorder): string {
  return [
    ...receiver.unreachable.map((id) => `ReportUnreachable(${id})`),
    ...receiver.snapshots.map(([id, status]) => `ReportSnapshot(${id}, ${status === 'finish' ? 'Finish' : 'Failure'})`),
    ...receiver.removals.map(() => 'ErrorC: the member has been permanently removed from the cluster'),
  ].join('; ');
}

async function replay({ name, head, bodyHex, answer, effects: expected = '' }: RecordedRequest): Promise<void> {
  const { url, received } = await startAnswering(Number(answer.split(' ')[1]));
  const receiver = new Recorder();
  const urls = head.find((line) => line.startsWith('X-Peerurls: '))?.slice('X-Peerurls: '.length);
  const transport = newTransport(1n, receiver, urls === undefined ? {} : { urls: urls.split(',').reverse() });
  const [line, ...headers] = head as [string, ...string[]];
  if (name.startsWith('stream/')) {
    transport.addPeer(2n, [url]);
    await eventually('it dials', () => received.some((request) => request.line === line));
  } else {
    // A remote has no streams, so that messages are posted, as where the requests were recorded.
    transport.addRemote(2n, [url]);
    transport.send([decodeMessage(Buffer.from(bodyHex, 'hex'))]);
    await eventually('it posts', () => received.length === 1);
    const settled = (): boolean => receiver.unreachable.length > 0 || transport.activeSince(2n) !== undefined;
    await eventually('the answer is there', settled);
  }
  const request = received.find((one) => one.line === line);
  expect(comparable(request?.headers ?? [])).to.deep.equal(comparable(headers));
  expect(show(decodeMessage(request?.body ?? Buffer.alloc(0)))).to.deep.equal(
    show(decodeMessage(Buffer.from(bodyHex, 'hex'))),
  );
  const isAnswer = name.startsWith('pipeline-answer/') || answer.includes('204');
  if (isAnswer) expect(effects(receiver)).to.equal(expected);
}

/** The body that a Go member sends has zeros where ours has none, so that envelopes are compared as messages. */
async function replaySnapshot({
  head,
  bodyHex,
  dbHex = '',
  answer,
  effects: expected,
}: RecordedRequest): Promise<void> {
  const { url, received } = await startAnswering(Number(answer.split(' ')[1]));
  const receiver = new Recorder();
  const urls = head.find((line) => line.startsWith('X-Peerurls: '))?.slice('X-Peerurls: '.length) ?? '';
  const transport = newTransport(1n, receiver, { urls: urls.split(',') });
  transport.addRemote(2n, [url]);
  const theirs = new EnvelopeDecoder().push(Buffer.from(bodyHex, 'hex'));
  const database = Buffer.from(dbHex, 'hex');
  if (theirs === undefined) throw new Error('no envelope');
  await transport.sendSnapshot(theirs.message, { size: database.length, chunks: chunksOf(database) });
  const [request] = received as [Received];
  const ours = new EnvelopeDecoder().push(request.body);
  expect(comparable([request.line, ...request.headers])).to.deep.equal(comparable(head));
  expect(show(ours?.message as Message)).to.deep.equal(show(theirs.message));
  expect(Buffer.from(ours?.rest ?? []).toString('hex')).to.equal(dbHex);
  expect(effects(receiver)).to.equal(expected);
}

async function replayProbing({ head }: RecordedRequest): Promise<void> {
  const { url, received } = await startAnswering(200);
  const transport = newTransport(1n, new Recorder(), { timings: { ...quick, probeIntervalMs: 20 } });
  transport.addPeer(2n, [url]);
  const isProbe = ({ line }: Received): boolean => line.includes('probing');
  await eventually('both ways are probed', () => received.filter(isProbe).length > 1);
  const probe = received.find(isProbe) as Received;
  expect(comparable([probe.line, ...probe.headers])).to.deep.equal(comparable(head));
}

describe('requests, beside those of etcd', () => {
  afterEach(stopAll);

  for (const request of requests()) {
    const { name } = request;
    const kind = name === 'probing' ? replayProbing : name.startsWith('snapshot/') ? replaySnapshot : replay;
    it(name, () => kind(request));
  }

  it('every kind of message was among them', () => {
    const messages = requests().filter(({ name }) => name !== 'probing' && !name.startsWith('snapshot/'));
    const kinds = messages.map(({ bodyHex }) => messageName(decodeMessage(Buffer.from(bodyHex, 'hex')).type));
    expect(new Set(kinds).size).to.equal(24);
  });

  it('a body is as long as it says, and carries who sends it', async () => {
    const { url, received } = await startAnswering(204);
    const transport = newTransport(1n, new Recorder(), { incarnation: 'me' });
    transport.addRemote(2n, [url]);
    transport.send([decodeMessage(Buffer.from('0805100218012003', 'hex'))]);
    await eventually('it posts', () => received.length === 1);
    expect(received[0]?.headers).to.include(`Content-Length: ${received[0]?.body.length}`);
    expect(received[0]?.headers).to.include(`${Header.incarnation}: me`);
  });
});
