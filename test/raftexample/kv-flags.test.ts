import { type KvOptions, parseKvFlags, parseStoreFlags } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

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
        '--catch-up',
        '3',
        '--snapshots',
        'stream',
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
    });
    expect(read).to.deep.include({ catchUp: 3, snapshots: 'stream', timeoutMs: 1500, maxValue: 9, verbose: true });
    expect(read).to.deep.include({ preVote: false, checkQuorum: false });
    expect([...read.dial]).to.deep.equal([[1n, 'http://127.0.0.1:9']]);
  });

  it('--join-via joins', () => {
    expect(options('--join-via', 'http://h:1', '--token-file', 'f')).to.include({
      join: true,
      joinVia: 'http://h:1',
      tokenFile: 'f',
    });
    expect(options()).to.include({ join: false, joinVia: undefined, tokenFile: undefined });
  });

  for (const [argv, says] of [
    [['--id', '2'], '--peers does not name member 2 itself'],
    [['--peers', '1=ftp://h:1'], "--peers wants http://HOST:PORT, not 'ftp://h:1'"],
    [['--peers', '1=http://h:1/path'], "--peers wants http://HOST:PORT, not 'http://h:1/path'"],
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
    [['--prevote=maybe'], "--prevote wants true or false, not 'maybe'"],
    [['--data', ''], "--data wants a folder, not ''"],
    [['--nonsense'], "Unknown option '--nonsense'; see --help"],
  ] as const) {
    it(`refuses ${argv.join(' ')}`, () => {
      expect(refusal(...argv)).to.equal(says);
    });
  }

  it('prints help and version, its launcher too', () => {
    for (const parse of [parseKvFlags, parseStoreFlags]) {
      for (const flag of ['--help', '--version']) expect(parse([flag]).kind).to.equal('print');
    }
    expect(parseStoreFlags(['--members', '3'])).to.deep.equal({
      kind: 'run',
      options: { count: 3, data: 'store-data-3' },
    });
    expect(parseStoreFlags(['--members', '10']).kind).to.equal('refuse');
  });
});
