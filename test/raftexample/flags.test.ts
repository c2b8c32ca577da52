import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Command,
  formatPeers,
  localPeers,
  parseClusterFlags,
  parseMemberFlags,
} from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

function options<Options>(command: Command<Options>): Options {
  if (command.kind !== 'run') throw new Error(`not a command to run: ${JSON.stringify(command)}`);
  return command.options;
}

function refusal(command: Command<unknown>): string {
  if (command.kind !== 'refuse') throw new Error(`not refused: ${command.kind}`);
  return command.reason;
}

const member = (...argv: string[]) => parseMemberFlags(argv);
const cluster = (...argv: string[]) => parseClusterFlags(argv);

describe('raftexample flags', () => {
  it('needs no more than an id for members 1, 2 and 3', () => {
    expect(options(member('--id', '2'))).to.deep.equal({
      id: 2n,
      peers: [
        { id: 1n, host: '127.0.0.1', port: 22210 },
        { id: 2n, host: '127.0.0.1', port: 22220 },
        { id: 3n, host: '127.0.0.1', port: 22230 },
      ],
      listen: { host: '127.0.0.1', port: 22220 },
      dial: new Map(),
      tls: undefined,
      insecure: false,
      tickMs: 100,
      hello: undefined,
      data: join('data', 'member-2'),
      snapshotEvery: 10_000,
      preVote: true,
      checkQuorum: true,
      verbose: false,
    });
  });

  it('lets member 1 propose after five seconds, every second, and others if told', () => {
    expect(options(member('--id', '1')).hello).to.deep.equal({ afterMs: 5000, everyMs: 1000 });
    expect(options(member('--id', '1', '--hello-every', '50')).hello).to.deep.equal({ afterMs: 5000, everyMs: 50 });
    expect(options(member('--id', '3', '--hello-every', '50')).hello).to.equal(undefined);
    expect(options(member('--id', '3', '--hello-after', '0')).hello).to.deep.equal({ afterMs: 0, everyMs: 1000 });
  });

  it('dials a member where it is told to', () => {
    const { dial } = options(member('--id', '1', '--dial', '2=http://127.0.0.1:9', '--dial', '3=http://proxy:80'));
    expect([...dial]).to.deep.equal([
      [2n, 'http://127.0.0.1:9'],
      [3n, 'http://proxy:80'],
    ]);
    expect(refusal(member('--id', '1', '--dial', '2'))).to.equal("--dial wants ID=URL, not '2'");
  });

  it('reads peers in any order, with names and IPv6 addresses, and writes them back', () => {
    const { peers, listen } = options(
      member('--id', '12', '--peers', '12=http://[::1]:80,2=http://node-2.example:65535/,1=http://10.0.0.1:1'),
    );
    expect(peers).to.deep.equal([
      { id: 1n, host: '10.0.0.1', port: 1 },
      { id: 2n, host: 'node-2.example', port: 65535 },
      { id: 12n, host: '::1', port: 80 },
    ]);
    expect(listen).to.deep.equal({ host: '::1', port: 80 });
    expect(formatPeers(peers)).to.equal('1=http://10.0.0.1:1,2=http://node-2.example:65535,12=http://[::1]:80');
  });

  it('keeps its log in the folder that it is told, or in memory', () => {
    expect(options(member('--id', '1', '--data', '/var/raft/a')).data).to.equal('/var/raft/a');
    expect(options(member('--id', '1', '--memory')).data).to.equal(undefined);
    expect(options(member('--id', '1', '--snapshot-every', '5')).snapshotEvery).to.equal(5);
  });

  it('speaks TLS to all members or to none', () => {
    const tls = ['--peer-cert-file', 'c', '--peer-key-file', 'k'];
    const { peers, tls: read } = options(member('--id', '2', '--peers', '2=https://a:1,1=https://b:2', ...tls));
    expect(peers.map(({ host }) => host)).to.deep.equal(['b', 'a']);
    expect(read).to.deep.equal({ certFile: 'c', keyFile: 'k' });
    expect(formatPeers(peers, 'https')).to.equal('1=https://b:2,2=https://a:1');
    expect(refusal(member('--id', '1', '--peers', '1=https://a:1,2=http://b:2', ...tls))).to.match(
      /^--peers gives member 2 an http:\/\/ URL, but --peer-cert-file is for https:\/\/: .*TLS to all others or to none$/u,
    );
    expect(refusal(cluster('--peers', '1=https://a:1'))).to.match(/^--peers wants 1=http:\/\/HOST:PORT/u);
  });

  it('turns off what keeps a returning member from disturbing, if told', () => {
    const { preVote, checkQuorum } = options(member('--id', '1', '--prevote=false', '--checkquorum=false'));
    expect([preVote, checkQuorum]).to.deep.equal([false, false]);
    expect(options(member('--id', '1', '--prevote=true')).preVote).to.equal(true);
  });

  it('listens at another address if told', () => {
    expect(options(member('--id', '1', '--listen', '0.0.0.0:9000')).listen).to.deep.equal({
      host: '0.0.0.0',
      port: 9000,
    });
    expect(options(member('--id', '1', '--listen', '[::]:9000')).listen).to.deep.equal({ host: '::', port: 9000 });
  });

  it('takes ids up to 2^64 - 3', () => {
    const { id } = options(member('--id', '18446744073709551613', '--peers', '18446744073709551613=http://a:1'));
    expect(id).to.equal(2n ** 64n - 3n);
  });

  it('prints help and version, whatever else is said', () => {
    for (const parse of [member, cluster]) {
      const help = parse('--help');
      expect(help.kind === 'print' && help.text).to.match(/^Usage: /u);
      const version = parse('--version');
      expect(version.kind === 'print' && version.text).to.match(/^\d+\.\d+\.\d+\n$/u);
    }
    expect(member('--help', '--id', 'x').kind).to.equal('print');
  });

  it('reads the commands of the Procfile', () => {
    const lines = readFileSync(new URL('../../../Procfile', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n');
    const commands = lines.map((line) => /^member(\d): node raftexample\/bin\/raftexample\.js (.*)$/u.exec(line));
    expect(commands.map((command) => command?.[1])).to.deep.equal(['1', '2', '3']);
    for (const command of commands) {
      expect(options(member(...(command?.[2] ?? '').split(' '))).id).to.equal(BigInt(command?.[1] ?? ''));
    }
  });

  it('names every member flag in its help', () => {
    const help = member('--help');
    const flags = ['id', 'peers', 'listen', 'tick', 'data', 'memory', 'snapshot-every', 'hello-after', 'hello-every'];
    flags.push('prevote', 'checkquorum', 'insecure', 'dial');
    for (const flag of [...flags, 'verbose', 'help', 'version']) {
      expect(help.kind === 'print' && help.text).to.contain(`--${flag}`);
    }
  });

  const refused: [string[], RegExp][] = [
    [[], /--id is missing/u],
    [['--id', '0'], /--id wants a member's number, 1 or more, not '0'/u],
    [['--id', '-1'], /^--id wants a value; one that begins with a hyphen is written --id=VALUE; see --help$/u],
    [['--id=-1'], /^--id wants a member's number, 1 or more, not '-1'$/u],
    [['--id', '1.5'], /not '1.5'/u],
    [['--id', ''], /not ''/u],
    [['--id', '0x1'], /not '0x1'/u],
    [['--id', '18446744073709551614'], /--id wants/u],
    [['--id', '4'], /member 4 is not among the default members 1, 2 and 3: name all members with --peers/u],
    [['--id'], /'--id <value>' argument missing; see --help/u],
    [['--id', '1', '--nonsense'], /Unknown option '--nonsense'; see --help/u],
    [['--id', '1', 'stray'], /Unexpected argument 'stray'; see --help/u],
    [['--id', '1', '--help=yes'], /--help/u],
    [['--id', '4', '--peers', '1=http://a:1'], /--peers does not name member 4 itself/u],
    [['--id', '1', '--peers', ''], /--peers wants 1=http:/u],
    [['--id', '1', '--peers', '1=a:1'], /--peers wants 1=http:\/\/HOST:PORT,2=http:\/\/HOST:PORT,…, not '1=a:1'/u],
    [
      ['--id', '1', '--peers', '1=https://a:1'],
      /member 1 an https:\/\/ URL, which needs certificates: pass --peer-cert-/u,
    ],
    [['--id', '1', '--peer-crl-file', 'c'], /--peer-crl-file needs --peer-cert-file/u],
    [['--id', '1', '--cert-file', 'c'], /Unknown option '--cert-file'/u],
    [['--id', '1', '--peers', '1=http://a'], /--peers wants HOST:PORT/u],
    [['--id', '1', '--peers', '1=http://a:1/raft'], /--peers wants HOST:PORT/u],
    [['--id', '1', '--peers', '1=http://u@a:1'], /--peers wants HOST:PORT/u],
    [['--id', '1', '--peers', '1=http://a:65536'], /from 1 to 65535/u],
    [['--id', '1', '--peers', '1=http://a:1,'], /not ''/u],
    [['--id', '1', '--peers', '1=http://a:1,01=http://b:1'], /names member 1 twice/u],
    [['--id', '1', '--peers', '1=http://a:1,3=http://b:1,2=http://a:1'], /gives a:1 to two members/u],
    [['--id', '1', '--listen', '80'], /--listen wants HOST:PORT/u],
    [['--id', '1', '--listen', 'a:0'], /--listen wants HOST:PORT/u],
    [['--id', '1', '--tick', '0'], /--tick wants a whole number from 1 to 60000, not '0'/u],
    [['--id', '1', '--tick', '1e3'], /--tick wants/u],
    [['--id', '2', '--hello-every', '0'], /--hello-every wants/u],
    [['--id', '2', '--hello-after', 'soon'], /--hello-after wants/u],
    [['--id', '1', '--data', ''], /--data wants a folder, not ''/u],
    [['--id', '1', '--data', 'x', '--memory'], /--data and --memory exclude each other/u],
    [['--id', '1', '--prevote=no'], /--prevote wants true or false, not 'no'/u],
    [['--id', '1', '--checkquorum='], /--checkquorum wants true or false, not ''/u],
    [['--id', '1', '--snapshot-every', '0'], /--snapshot-every wants/u],
  ];
  for (const [argv, reason] of refused) {
    it(`refuses '${argv.join(' ')}' in one line`, () => {
      expect(refusal(member(...argv)))
        .to.match(reason)
        .and.not.contain('\n');
    });
  }
});

describe('launcher flags', () => {
  it('starts three members, or as many as told, ten ports apart', () => {
    expect(options(cluster())).to.deep.equal({ peers: localPeers(3), data: 'data', page: false, memberFlags: [] });
    expect(options(cluster('--memory')).data).to.equal(undefined);
    expect(options(cluster('--data', 'x')).data).to.equal('x');
    expect(options(cluster('--members', '5')).peers.map((peer) => [peer.id, peer.port])).to.deep.equal([
      [1n, 22210],
      [2n, 22220],
      [3n, 22230],
      [4n, 22240],
      [5n, 22250],
    ]);
  });

  it('shows a page if told to, and tells so in its help', () => {
    expect(options(cluster('--page')).page).to.equal(true);
    const help = cluster('--help');
    expect(help.kind === 'print' && help.text).to.contain('  --page        serve a page on this machine');
  });

  it('keeps clusters of different sizes in different folders', () => {
    expect(options(cluster('--members', '3')).data).to.equal('data');
    expect(options(cluster('--members', '5')).data).to.equal('data-5');
    expect(options(cluster('--members', '5', '--data', 'x')).data).to.equal('x');
    expect(options(cluster('--members', '5', '--memory')).data).to.equal(undefined);
  });

  it('starts the peers that it is given', () => {
    expect(options(cluster('--peers', '7=http://a:1'))).to.deep.equal({
      peers: [{ id: 7n, host: 'a', port: 1 }],
      data: 'data',
      page: false,
      memberFlags: [],
    });
  });

  it('hands on what may be the same for every member, as that takes it', () => {
    const { memberFlags } = options(
      cluster('--tick', '20', '--verbose', '--prevote=false', '--hello-after', '0', '--insecure', '--members', '5'),
    );
    expect(memberFlags).to.have.members(['--insecure', '--tick=20', '--prevote=false', '--hello-after=0', '--verbose']);
    expect(options(member('--id', '1', ...memberFlags))).to.include({ tickMs: 20, preVote: false, verbose: true });
  });

  const refused: [string[], RegExp][] = [
    [['--members', '0'], /--members wants a whole number from 1 to 9, not '0'/u],
    [['--members', '10'], /not '10'/u],
    [['--members', 'three'], /not 'three'/u],
    [['--members', '3', '--peers', '1=http://a:1'], /exclude each other/u],
    [['--page', '--peers', '2=http://a:1'], /--page shows members 1 to N, at most 9: --peers names others/u],
    [['--data', ''], /--data wants a folder, not ''/u],
    [['--data', 'x', '--memory'], /--data and --memory exclude each other/u],
    [['--peers', 'x'], /--peers wants/u],
    [['--id', '1'], /Unknown option '--id'; see --help/u],
    [['--tick', '0'], /--tick wants a whole number from 1 to 60000, not '0'/u],
    [['--prevote', 'no'], /--prevote/u],
    [['5'], /Unexpected argument '5'/u],
  ];
  for (const [argv, reason] of refused) {
    it(`refuses '${argv.join(' ')}' in one line`, () => {
      expect(refusal(cluster(...argv)))
        .to.match(reason)
        .and.not.contain('\n');
    });
  }
});
