import type { X509Certificate } from 'node:crypto';
import {
  connectionsOfPorts,
  type KvOptions,
  parseKvFlags,
  parseStoreFlags,
  preparePorts,
  snapshotPolicy,
  stopLimitMs,
} from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { scratchFolder, stopAll } from '../rafthttp/members.js';

const log = { info: () => {}, warn: () => {} } as unknown as Parameters<typeof preparePorts>[1];

function options(...argv: string[]): KvOptions {
  const command = parseKvFlags(argv);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  return command.options;
}

function refusal(...argv: string[]): string {
  const command = parseKvFlags(argv);
  return command.kind === 'refuse' ? command.reason : `not refused: ${command.kind}`;
}

describe('the store: its command line', () => {
  after(stopAll);

  it('where clients reach a member follows from where it listens, unless it is said', () => {
    const at = (...flags: string[]): string | undefined => options(...flags).clientUrl;
    expect(at()).to.equal('http://127.0.0.1:23791');
    const away = ['--peers', '1=http://10.0.0.1:23801'];
    expect(at(...away)).to.equal(undefined);
    expect(at(...away, '--client-addr', '10.0.0.2:1')).to.equal('http://10.0.0.2:1');
    for (const any of ['0.0.0.0:2', '[::]:2']) expect(at(...away, '--client-addr', any)).to.equal('http://10.0.0.1:2');
    expect(at('--client-url', 'http://store-1.example:80/')).to.equal('http://store-1.example');
    for (const url of ['https://h:1', 'h:1', 'http://h:1/path'])
      expect(refusal('--client-url', url)).to.include('--client-url');
  });

  it('needs nothing for a cluster of one', () => {
    const { id, peers, clientAddress, data, tickMs, timeoutMs, join, snapshots } = options();
    expect([id, [...peers], clientAddress, data]).to.deep.equal([
      1n,
      [[1n, 'http://127.0.0.1:23801']],
      { host: '127.0.0.1', port: 23791 },
      'data',
    ]);
    expect([tickMs, timeoutMs, join, snapshots]).to.deep.equal([100, 5000, false, 'inline']);
  });

  it('takes the flags of the Go member, times with their units', () => {
    const read = options(
      ...[
        '--id',
        '2',
        '--peers',
        '1=http://h:1,2=http://127.0.0.1:2',
        '--client-addr',
        '127.0.0.1:3',
        '--data',
        'd',
        '--join',
      ],
      ...[
        '--tick',
        '20ms',
        '--election-ticks',
        '5',
        '--snapshot-every',
        '7',
        '--snapshot-bytes',
        '2000',
        '--catch-up',
        '3',
        '--catch-up-bytes',
        '1000',
        '--snapshots',
        'stream',
        '--snapshot-rate',
        '1048576',
      ],
      ...[
        '--timeout',
        '1.5s',
        '--max-value',
        '9',
        '--cluster-id',
        '77',
        '--prevote=false',
        '--checkquorum=false',
        '-v',
      ],
      ...['--dial', '1=http://127.0.0.1:9'],
    );
    expect(read).to.deep.include({
      id: 2n,
      clusterId: 77n,
      join: true,
      tickMs: 20,
      electionTicks: 5,
      snapshotEvery: 7,
      snapshotRate: 2 ** 20,
    });
    expect(read).to.deep.include({ snapshotBytes: 2000, catchUpBytes: 1000 });
    expect(read).to.deep.include({ catchUp: 3, snapshots: 'stream', timeoutMs: 1500, maxValue: 9, verbose: true });
    expect(read).to.deep.include({ preVote: false, checkQuorum: false });
    expect([...read.dial]).to.deep.equal([[1n, 'http://127.0.0.1:9']]);
  });

  it('snapshots above 64 MiB travel beside their message, whatever the flag says', () => {
    expect(snapshotPolicy(options())).to.deep.equal({
      everyEntries: 10_000,
      everyBytes: 64 * 2 ** 20,
      keepEntries: 5000,
      keepEntriesForSlow: 50_000,
      keepBytes: 128 * 2 ** 20,
      inlineBytes: 64 * 2 ** 20,
    });
    expect(snapshotPolicy(options('--snapshots', 'stream')).inlineBytes).to.equal(1);
  });

  it('keeps as many entries for a slow member as it is asked to keep for any', () => {
    const { keepEntries, keepEntriesForSlow } = snapshotPolicy(options('--catch-up', '200000'));
    expect([keepEntries, keepEntriesForSlow]).to.deep.equal([200_000, 200_000]);
  });

  it('--listen is where other members reach this one, in place of its URL', async () => {
    expect(options().listen).to.equal(undefined);
    const elsewhere = options('--listen', '127.0.0.1:7', '--peers', '1=http://somewhere.example:1');
    expect((await preparePorts(elsewhere, log)).peers).to.deep.equal({ host: '127.0.0.1', port: 7 });
    expect(refusal('--listen', 'nowhere')).to.match(/^--listen /u);
  });

  it('--join-via joins', () => {
    expect(options('--join-via', 'http://h:1', '--token-file', 'f')).to.include({
      join: true,
      joinVia: 'http://h:1',
      tokenFile: 'f',
    });
    expect(options()).to.include({ join: false, joinVia: undefined, tokenFile: undefined });
  });

  const peerTls = ['--peer-cert-file', 'c', '--peer-key-file', 'k'];
  it('takes certificates for both ports, by the names of etcd', () => {
    const {
      peers,
      peerTls: forPeers,
      clientTls,
    } = options(
      ...peerTls,
      ...['--peer-trusted-ca-file', 'ca', '--peer-client-cert-auth', '--peer-crl-file', 'crl'],
      ...['--peer-client-cert-file', 'cc', '--peer-client-key-file', 'ck', '--peer-cert-allowed-cn', 'one,two'],
      ...['--cert-file', 'c2', '--key-file', 'k2', '--trusted-ca-file', 'ca2', '--client-cert-auth'],
      ...['--client-crl-file', 'crl2', '--client-cert-allowed-hostname', 'host'],
    );
    expect([...peers]).to.deep.equal([[1n, 'https://127.0.0.1:23801']]);
    expect(forPeers).to.deep.equal({
      ...{ certFile: 'c', keyFile: 'k', trustedCaFile: 'ca', clientCertAuth: true, crlFile: 'crl' },
      ...{ clientCertFile: 'cc', clientKeyFile: 'ck', allowedCns: ['one', 'two'] },
    });
    expect(clientTls).to.deep.equal({
      ...{ certFile: 'c2', keyFile: 'k2', trustedCaFile: 'ca2', clientCertAuth: true, crlFile: 'crl2' },
      allowedHostnames: ['host'],
    });
    expect(options()).to.include({ peerTls: undefined, clientTls: undefined });
  });

  it('--peer-member-cn ties a certificate to the member that its common name ends with', () => {
    const memberOf = options(...peerTls, '--peer-trusted-ca-file', 'ca', '--peer-member-cn', 'member-').peerTls
      ?.memberOf;
    const of = (subject: string): bigint | undefined => memberOf?.({ subject } as X509Certificate);
    expect(of('O=raft\nCN=member-12')).to.equal(12n);
    expect(of('CN=member-18446744073709551615')).to.equal(2n ** 64n - 1n);
    for (const subject of ['CN=member-', 'CN=member-01', 'CN=member-0', 'CN=member-1x', 'CN=12', 'CN=a-member-1', '']) {
      expect(of(subject), subject).to.equal(undefined);
    }
    expect(of('CN=member-1\nCN=member-2')).to.equal(undefined);
    expect(of('CN=member-1 + OU=x')).to.equal(undefined);
  });

  it('--join-via with https:// is checked against a CA', () => {
    const join = ['--join-via', 'https://h:1'];
    expect(options(...join, '--join-ca-file', 'ca')).to.include({ joinVia: 'https://h:1', joinCaFile: 'ca' });
    const client = ['--cert-file', 'c', '--key-file', 'k', '--trusted-ca-file', 'ca2'];
    expect(options(...join, ...client)).to.include({ joinCaFile: 'ca2' });
    expect(options('--join-via', 'http://h:1', ...client)).to.include({ joinCaFile: undefined });
  });

  for (const [argv, says] of [
    [['--peer-cert-file', 'c'], '--peer-cert-file needs --peer-key-file'],
    [['--trusted-ca-file', 'c'], '--trusted-ca-file needs --cert-file'],
    [['--cert-file', ''], "--cert-file wants a value, not ''"],
    [[...peerTls, '--peer-cert-allowed-cn', 'a,,b'], '--peer-cert-allowed-cn wants names with commas between them'],
    [
      ['--peers', '1=https://h:1'],
      '--peers gives member 1 an https:// URL, which needs certificates: pass --peer-cert-file and --peer-key-file, and --peer-trusted-ca-file with the CA of all members',
    ],
    [
      [...peerTls, '--peers', '1=https://h:1,2=http://h:2'],
      '--peers gives member 2 an http:// URL, but --peer-cert-file is for https://: members speak TLS to all others or to none',
    ],
    [
      [...peerTls, '--dial', '2=http://h:2'],
      '--dial gives member 2 an http:// URL, but --peer-cert-file is for https://: members speak TLS to all others or to none',
    ],
    [
      ['--join-via', 'https://h:1', '--cert-file', 'c', '--key-file', 'k'],
      '--join-via with an https:// URL needs the CA of the certificate there: pass --join-ca-file, or --trusted-ca-file',
    ],
    [['--join-ca-file', 'c', '--join-via', 'http://h:1'], '--join-ca-file is for --join-via with an https:// URL'],
    [['--id', '2'], '--peers does not name member 2 itself'],
    [['--peers', '1=ftp://h:1'], "--peers wants http://HOST:PORT, or https://, not 'ftp://h:1'"],
    [['--peers', '1=http://h:1/path'], "--peers wants http://HOST:PORT, or https://, not 'http://h:1/path'"],
    [['--peers', '1=http://h:1,1=http://h:2'], '--peers names member 1 twice'],
    [['--peers', 'one'], "--peers wants ID=URL, not 'one'"],
    [['--tick', '100'], "--tick wants a time from 1ms to 60m, such as 100ms or 5s, not '100'"],
    [['--timeout', '61m'], "--timeout wants a time from 1ms to 60m, such as 100ms or 5s, not '61m'"],
    [['--join-via', 'h:1'], "--join-via wants http://HOST:PORT, where a member answers clients, not 'h:1'"],
    [
      ['--join-via', 'http://h:1/x'],
      "--join-via wants http://HOST:PORT, where a member answers clients, not 'http://h:1/x'",
    ],
    [['--snapshots', 'both'], "--snapshots wants inline or stream, not 'both'"],
    [['--snapshot-rate', '65535'], "--snapshot-rate wants a whole number from 65536 to 1000000000, not '65535'"],
    [['--prevote=maybe'], "--prevote wants true or false, not 'maybe'"],
    [['--data', ''], "--data wants a folder, not ''"],
    [['--nonsense'], "Unknown option '--nonsense'; see --help"],
  ] as const) {
    it(`refuses ${argv.join(' ')}`, () => {
      expect(refusal(...argv)).to.equal(says);
    });
  }

  it('a member is not ended while its replica waits: three times for an election timeout, and then for the disk', () => {
    expect(stopLimitMs(options())).to.equal(8000);
    expect(stopLimitMs(options('--tick', '500ms', '--election-ticks', '20'))).to.equal(35_000);
  });

  it('prints help and version, its launcher too', () => {
    for (const parse of [parseKvFlags, parseStoreFlags]) {
      for (const flag of ['--help', '--version']) expect(parse([flag]).kind).to.equal('print');
    }
    expect(parseStoreFlags(['--members', '3'])).to.deep.equal({
      kind: 'run',
      options: { count: 3, data: 'store-data-3' },
    });
    expect(parseStoreFlags(['--page', '--ports', '5000'])).to.deep.equal({
      kind: 'run',
      options: { count: 5, data: 'store-data', page: true, ports: 5000 },
    });
    expect(parseStoreFlags(['--members', '10']).kind).to.equal('refuse');
    expect(parseStoreFlags(['--ports', '80']).kind).to.equal('refuse');
  });

  it('both ports and the log share the files that the system allows', () => {
    expect(connectionsOfPorts(undefined)).to.equal(4096);
    expect(connectionsOfPorts(100_000)).to.equal(4096);
    expect(connectionsOfPorts(1024)).to.equal(384);
    expect(connectionsOfPorts(64)).to.equal(16);
  });

  it('a port beyond loopback needs certificates, or --insecure, and then the log warns', async () => {
    const authority = new Authority(scratchFolder());
    const { certFile, keyFile } = authority.issue('m', { cn: 'member-1' });
    const prepared = async (...argv: string[]): Promise<readonly string[]> => {
      try {
        return (await preparePorts(options(...argv), log)).warnings;
      } catch (error) {
        return [`refused: ${(error as Error).message}`];
      }
    };
    const peers = ['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peers', '1=https://0.0.0.0:1'];
    const clients = ['--cert-file', certFile, '--key-file', keyFile, '--client-addr', '0.0.0.0:2'];
    const mutual = ['--peer-trusted-ca-file', authority.caFile];

    const plainPeers = await prepared('--peers', '1=http://0.0.0.0:1');
    expect(plainPeers[0]).to.match(
      /^refused: refuses to listen at 0\.0\.0\.0:1, without TLS: .*erase committed entries/u,
    );
    expect((await prepared(...peers))[0]).to.match(/0\.0\.0\.0:1, without asking whoever connects for a certificate/u);
    expect(await prepared(...peers, ...mutual)).to.deep.equal([]);
    expect((await prepared(...peers, '--insecure'))[0]).to.match(
      /^listens on 0\.0\.0\.0:1 without asking .*--insecure/u,
    );

    const plainClients = await prepared('--client-addr', '0.0.0.0:2');
    expect(plainClients[0]).to.match(
      /^refused: refuses to listen at 0\.0\.0\.0:2, without TLS: .*read and write every key/u,
    );
    expect((await prepared(...clients))[0]).to.match(/^asks clients at 0\.0\.0\.0:2 for nothing: .*--token-file$/u);
    expect(await prepared(...clients, '--token-file', 'f')).to.deep.equal([]);
    expect(await prepared(...clients, '--trusted-ca-file', authority.caFile)).to.deep.equal([]);
    const both = await prepared('--peers', '1=http://0.0.0.0:1', '--client-addr', '0.0.0.0:2', '--insecure');
    expect(both.map((text) => text.slice(0, 35))).to.deep.equal([
      'listens on 0.0.0.0:1 without TLS, a',
      'listens on 0.0.0.0:2 without TLS, a',
    ]);
    expect((await prepared(...clients, '--trusted-ca-file', 'none'))[0]).to.match(
      /^refused: cannot use what --cert-file/u,
    );
  });
});
