import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type SecureContextOptions } from 'node:tls';
import { askToJoin } from '@raft-ts/raftexample/internal';
import { httpsServers, type TlsOptions } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { scratchFolder, stopAll } from '../rafthttp/members.js';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

const hosts = ['127.0.0.1'];

interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

function contextOf(authority: Authority, certificate?: Certificate): SecureContextOptions {
  const own = certificate && { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) };
  return { ca: readFileSync(authority.caFile), ...own };
}

/** The status of the answer, or the text of the error. */
function get(port: number, path: string, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      response.resume();
      response.on('end', () => resolve(String(response.statusCode)));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
    sent.end();
  });
}

describe('the store: TLS on the clients’ port', () => {
  let authority: Authority;
  let stranger: Authority;
  let server: Certificate & { readonly serial: string };
  let client: Certificate & { readonly serial: string };
  const lines: string[] = [];
  const line = (message: string, fields: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: () => {}, info: line, warn: line, error: line };
  let store: KvCluster | undefined;

  before(() => {
    authority = new Authority(scratchFolder());
    stranger = new Authority(scratchFolder(), 'other-ca');
    server = authority.issue('server', { cn: 'server', hosts });
    client = authority.issue('client', { cn: 'client' });
  });

  after(stopAll);

  async function start(tls: Partial<TlsOptions> = {}): Promise<number> {
    store = await kvCluster(1, { createServer: httpsServers({ ...server, ...tls }, logger) });
    return store.ports[0] as number;
  }

  async function says(text: string): Promise<void> {
    while (!lines.some((one) => one.includes(text))) await new Promise(setImmediate);
  }

  afterEach(async () => {
    await store?.stop();
    store = undefined;
    lines.splice(0);
  });

  it('serves whoever trusts its CA', async () => {
    const port = await start();
    expect(await get(port, '/healthz', contextOf(authority))).to.equal('200');
    expect(await get(port, '/kv/none', contextOf(authority))).to.equal('404');
    expect(await get(port, '/healthz', contextOf(stranger))).to.match(/self-signed certificate|verify/u);
    expect(await get(port, '/healthz', contextOf(authority))).to.equal('200');
  });

  it('wants a certificate that its CA signed, and says what is wrong with others', async () => {
    const port = await start({ trustedCaFile: authority.caFile });
    expect(await get(port, '/healthz', contextOf(authority, client))).to.equal('200');
    const expired = authority.issue('expired', { cn: 'expired', from: -9, to: -1 });
    const early = authority.issue('early', { cn: 'early', from: 1 });
    const foreign = stranger.issue('foreign', { cn: 'client' });
    for (const [shown, fault] of [
      [undefined, 'no certificate was shown'],
      [expired, 'the certificate, or a CA above it, has expired'],
      [early, 'the certificate, or a CA above it, is not valid yet'],
      [foreign, 'the CA of the certificate is not trusted'],
    ] as const) {
      expect(await get(port, '/healthz', contextOf(authority, shown)), fault).to.match(/^(ECONNRESET|EPIPE|ERR_SSL)/u);
      await says(fault);
    }
    expect(await get(port, '/healthz', contextOf(authority, client))).to.equal('200');
  });

  it('refuses a revoked certificate, and names that are not allowed', async () => {
    const crlFile = `${authority.folder}/revoked.crl`;
    const named = authority.issue('named', { cn: 'named', hosts: ['client.example'] });
    const revoked = authority.issue('revoked', { cn: 'revoked', hosts: ['client.example'] });
    writeFileSync(crlFile, authority.revoke([revoked.serial]));
    const allowedHostnames = ['client.example'];
    const port = await start({ trustedCaFile: authority.caFile, crlFile, allowedHostnames });
    expect(await get(port, '/healthz', contextOf(authority, named))).to.equal('200');
    expect(await get(port, '/healthz', contextOf(authority, revoked))).to.match(/^(ECONNRESET|EPIPE)/u);
    await says('the certificate is revoked');
    expect(await get(port, '/healthz', contextOf(authority, client))).to.match(/^(ECONNRESET|EPIPE)/u);
    await says('the host name is not allowed');
  });

  it('plain HTTP to a port with TLS, and TLS to a plain one, fail and harm nobody', async () => {
    const port = await start();
    const plain = await ask(port, 'GET', '/healthz').catch((error: NodeJS.ErrnoException) => error.code);
    expect(plain).to.be.oneOf(['ECONNRESET', 'HPE_INVALID_CONSTANT']);
    await says('plain HTTP was spoken to a port with TLS: its URL must begin with https://');
    expect(await get(port, '/healthz', contextOf(authority))).to.equal('200');

    const other = await kvCluster(1);
    try {
      const [otherPort] = other.ports as [number];
      expect(await get(otherPort, '/healthz', contextOf(authority))).to.match(/wrong version number|packet length/u);
      expect((await ask(otherPort, 'GET', '/healthz')).status).to.equal(200);
    } finally {
      await other.stop();
    }
  });

  it('whoever leaves in the middle of a handshake, or begins none, harms nobody', async () => {
    const port = await start();
    // The beginning of a ClientHello, and what is none.
    for (const bytes of ['', '\x16', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x80\x00', '\x00'.repeat(500)]) {
      for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
        const gone = connectPlain(port, '127.0.0.1');
        gone.on('error', () => {});
        await once(gone, 'connect');
        gone.write(bytes, 'latin1');
        gone[end]();
      }
    }
    expect(await get(port, '/healthz', contextOf(authority))).to.equal('200');
  });

  it('a certificate that was renewed on disk is shown without a restart', async () => {
    const served = { certFile: `${authority.folder}/served.crt`, keyFile: `${authority.folder}/served.key` };
    const use = (certificate: Certificate): void => {
      copyFileSync(certificate.keyFile, served.keyFile);
      copyFileSync(certificate.certFile, served.certFile);
    };
    use(server);
    const port = await start(served);
    const shown = async (): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port, ...contextOf(authority) });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber.toLowerCase();
    };
    expect(await shown()).to.equal(server.serial);
    const renewed = authority.issue('renewed', { cn: 'server', hosts });
    use(renewed);
    while ((await shown()) !== renewed.serial) await new Promise((resolve) => setTimeout(resolve, 50));
    await says('loaded changed certificate files');
  });

  it('a member that asks by https:// to be added is sure whom it asks, and shows its own certificate', async () => {
    const asked: string[] = [];
    const joined = createServer(
      { ...contextOf(authority, server), requestCert: true, rejectUnauthorized: false },
      (incoming, response) => {
        asked.push((incoming.socket as unknown as { authorized: boolean }).authorized ? 'authorized' : 'anonymous');
        response.end('{"index":1}');
      },
    );
    joined.listen(0, '127.0.0.1');
    await once(joined, 'listening');
    const via = `https://127.0.0.1:${(joined.address() as AddressInfo).port}`;
    const warnings: string[] = [];
    const join = async (tls: SecureContextOptions): Promise<void> => {
      const stopping = new AbortController();
      const warn = (text: string): void => {
        warnings.push(text);
        stopping.abort();
      };
      const asking = { id: 2n, url: 'https://h:1', via, token: undefined, tls, timeoutMs: 10_000, pauseMs: 1 };
      await askToJoin(asking, stopping.signal, { info: () => {}, warn });
    };
    try {
      await join(contextOf(authority, client));
      expect([asked, warnings]).to.deep.equal([['authorized'], []]);
      await join(contextOf(stranger));
      expect(asked).to.have.length(1);
      expect(warnings[0]).to.match(/did not add member 2 yet: no answer \(.*certificate/u);
    } finally {
      joined.close();
    }
  });

  it('needs certificates that can be used', () => {
    for (const broken of [
      { certFile: 'none.crt', keyFile: server.keyFile },
      { certFile: server.certFile, keyFile: client.keyFile },
    ]) {
      expect(() => httpsServers(broken, logger))
        .to.throw()
        .with.property('code', 'ERR_RAFT_TLS');
    }
  });
});
