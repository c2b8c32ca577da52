import { getEventListeners, once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { open } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

describe('A request to a member', () => {
  const agent = new Agent({ keepAlive: true });
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let asked: IncomingMessage[];

  beforeEach(async () => {
    asked = [];
    answer = () => {};
    server = createServer((request, response) => {
      asked.push(request);
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  after(() => agent.destroy());

  const openWith = (signal: AbortSignal, body?: Buffer | Readable): Promise<IncomingMessage> =>
    open({
      method: body === undefined ? 'GET' : 'POST',
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      path: '/raft',
      headers: { 'X-Own': '1', 'Content-Type': 'application/protobuf' },
      agents: { http: agent, https: undefined },
      signal,
      ...(body === undefined ? {} : { body }),
    });
  const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const nextRequest = async (): Promise<IncomingMessage> => {
    const [request] = (await once(server, 'request')) as [IncomingMessage];
    return request;
  };

  it('shows the headers that it was given, and asks for no encoding', async () => {
    answer = (_request, response) => void response.end();
    (await openWith(new AbortController().signal, Buffer.from('abc'))).resume();
    const { host: _, ...headers } = (asked[0] as IncomingMessage).headers;
    expect(headers).to.deep.equal({
      'x-own': '1',
      'content-type': 'application/protobuf',
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'raft-ts',
      connection: 'keep-alive',
      'content-length': '3',
    });
  });

  it('goes on after a few answers of status 1xx, and is cut if they do not end', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n';
    answer = (_request, response) => void response.socket?.write(`${interim.repeat(20)}HTTP/1.1 204 None\r\n\r\n`);
    expect((await openWith(new AbortController().signal)).resume().statusCode).to.equal(204);
    answer = (_request, response) => void response.socket?.write(interim.repeat(1000));
    const error = errorOf(openWith(new AbortController().signal));
    await once((await nextRequest()).socket, 'close');
    expect(await error)
      .to.be.an('error')
      .with.property('message', 'too many answers of status 1xx');
  });

  it('is not sent if it was cut before', async () => {
    expect(await errorOf(openWith(AbortSignal.abort()))).to.be.an('error');
    expect(asked).to.have.length(0);
  });

  it('ends, and its connection with it, if it is cut while it waits for the head', async () => {
    const cut = new AbortController();
    const error = errorOf(openWith(cut.signal));
    const closed = once((await nextRequest()).socket, 'close');
    cut.abort();
    expect(await error).to.be.an('error');
    await closed;
  });

  it('ends the body if it is cut while that is read', async () => {
    const cut = new AbortController();
    answer = (_request, response) => {
      response.write('beginning');
    };
    const head = await openWith(cut.signal);
    const read = (async () => {
      for await (const chunk of head) {
        expect(String(chunk)).to.equal('beginning');
        cut.abort();
      }
    })();
    expect(await errorOf(read)).to.be.an('error');
    expect(head.destroyed).to.equal(true);
  });

  it('leaves nothing on the signal once its answer was read', async () => {
    const { signal } = new AbortController();
    answer = (_request, response) => void response.end('all');
    const head = await openWith(signal);
    head.resume();
    await once(head, 'close');
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });

  it('fails with what its body fails with, and does not seem complete to the other side', async () => {
    const request = nextRequest();
    const body = Readable.from(
      (async function* () {
        yield Buffer.from('beginning');
        await request;
        throw new Error('the disk is gone');
      })(),
    );
    const error = errorOf(openWith(new AbortController().signal, body));
    const closed = new Promise<void>(
      (resolve) => void request.then(({ socket }) => socket.once('close', () => resolve())),
    );
    expect(await error)
      .to.be.an('error')
      .with.property('message', 'the disk is gone');
    await closed;
    expect((await request).complete).to.equal(false);
  });
});
