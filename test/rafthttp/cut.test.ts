import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { cut } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

describe('a connection that is cut', () => {
  let server: Server;
  let seen = 0;
  let cutAt = 10;

  beforeEach(async () => {
    seen = 0;
    cutAt = 10;
    server = createServer(({ socket }, response) => {
      if (++seen === cutAt) cut(socket);
      else response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  const send = async (text: string): Promise<string> => {
    const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString();
    });
    socket.end(text);
    await once(socket, 'close');
    return got;
  };

  it('has no more requests, though thousands stand in the piece that was read', async () => {
    await send(REQUEST.repeat(2000));
    expect(seen).to.equal(cutAt);
  });

  it('leaves nothing behind for the next one, for which node uses the same parser', async () => {
    for (let i = 0; i < 5; i++) {
      seen = 0;
      await send(REQUEST.repeat(2000));
    }
    seen = 0;
    cutAt = Number.POSITIVE_INFINITY;
    const got = await send(REQUEST.repeat(20));
    expect(got.match(/HTTP\/1\.1 200/gu)).to.have.length(20);
  });
});
