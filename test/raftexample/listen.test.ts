import { dangerOfClients, dangerOfPeers, isLoopback, listenAddress } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

const port = 22210;
const danger = dangerOfPeers(undefined);

async function refusal(host: string, resolved?: readonly string[]): Promise<string> {
  const outcome = await listenAddress({ host, port }, danger, async () => resolved ?? [host]).catch(
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  expect(outcome).to.include({ exitCode: 2 });
  return outcome.message;
}

describe('raftexample: where a member listens without TLS', () => {
  const here = [
    '127.0.0.1',
    '127.0.0.2',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ];
  for (const ip of here) {
    it(`${ip} is loopback`, async () => {
      expect(isLoopback(ip)).to.equal(true);
      expect(await listenAddress({ host: ip, port }, danger)).to.deep.equal({ host: ip, port });
    });
  }

  const beyond = [
    '0.0.0.0',
    '::',
    '::0',
    '::ffff:0.0.0.0',
    '::ffff:10.0.0.1',
    '10.0.0.1',
    '128.0.0.1',
    '::2',
    'fe80::1',
    '::127.0.0.1',
  ];
  for (const ip of beyond) {
    it(`${ip} is refused, with the reason and what to do`, async () => {
      expect(isLoopback(ip)).to.equal(false);
      expect(await refusal(ip))
        .to.contain('whoever reaches this port can erase committed entries and stop the cluster for good')
        .and.contain('add --insecure')
        .and.not.contain('\n');
    });
  }

  it('takes a name for loopback only if all its addresses are, and listens on the first one that was found', async () => {
    const resolve = async () => ['::1', '127.0.0.1'];
    expect(await listenAddress({ host: 'localhost', port }, danger, resolve)).to.deep.equal({ host: '::1', port });
    expect(await refusal('localhost', ['10.0.0.7'])).to.contain('at localhost:22210, which is 10.0.0.7, without TLS');
    expect(await refusal('localhost', ['127.0.0.1', '10.0.0.7'])).to.contain('which is 10.0.0.7');
    expect(await refusal('nobody', [])).to.contain('at nobody:22210, without TLS');
  });

  it('says so if a name cannot be looked up', async () => {
    const resolve = () => Promise.reject(new Error('getaddrinfo ENOTFOUND nobody'));
    const outcome = await listenAddress({ host: 'nobody', port }, danger, resolve).catch((error: unknown) => error);
    expect((outcome as Error).message).to.equal('cannot listen at nobody:22210: getaddrinfo ENOTFOUND nobody');
    expect(outcome).to.include({ exitCode: 2 });
  });

  it('TLS takes a port anywhere only if members have to show certificates; clients may have a token instead', () => {
    const files = { certFile: 'c', keyFile: 'k' };
    expect(dangerOfPeers(undefined)?.remedy).to.contain('--peer-cert-file, --peer-key-file and --peer-trusted-ca-file');
    expect(dangerOfPeers(files)?.lack).to.equal('without asking whoever connects for a certificate');
    expect(dangerOfPeers({ ...files, trustedCaFile: 'ca' })).to.equal(undefined);
    expect(dangerOfPeers({ ...files, clientCertAuth: true })).to.equal(undefined);
    expect(dangerOfClients(undefined)).to.include({ lack: 'without TLS', users: 'clients' });
    expect(dangerOfClients(files)).to.equal(undefined);
  });

  it('listens anywhere if told to, and leaves the name to the transport', async () => {
    for (const host of ['0.0.0.0', 'node-1.example']) {
      expect(await listenAddress({ host, port }, undefined)).to.deep.equal({ host, port });
    }
  });
});
