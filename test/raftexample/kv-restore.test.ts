import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  describeCopy,
  KvMachine,
  kvFormat,
  parseRestoreFlags,
  type RestoreOptions,
  restoreCopy,
  restoreFolder,
  writeCopy,
} from '@raft-ts/raftexample/internal';
import { DurableStorage } from '@raft-ts/raftwal';
import { expect } from 'chai';
import fc from 'fast-check';
import { freePeers, type Program, Programs } from './processes.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const head = {
  members: [
    [1n, 'http://a:1'],
    [2n, 'http://a:2'],
  ],
  removed: [7n],
  lastId: 9n,
  promising: [1n],
  features: 1,
  sessions: [],
} as const;
const origin = { clusterId: 4096n, index: 40, term: 3 };

async function* pieces(bytes: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* bytes;
}

function filled(): KvMachine {
  const machine = new KvMachine();
  for (let i = 1; i <= 30; i++) {
    machine.apply(
      { op: 'put', key: `k${i}"é`, value: `v${i}😀`, ifIndex: undefined },
      { index: i, term: 1, features: 0 },
    );
  }
  return machine;
}

async function copyOf(machine: KvMachine, of: typeof origin = origin): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeCopy(of, kvFormat.wrap(head, pieces(machine.snapshot())))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const failure = (work: Promise<unknown>): Promise<{ readonly code?: unknown; readonly message?: string }> =>
  work.then(
    () => ({}),
    (error: unknown) => error as { readonly code?: unknown; readonly message?: string },
  );

describe('the store: a copy that is restored', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kv-restore-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const restore = (
    content: Uint8Array,
    more: Partial<RestoreOptions> = {},
    signal: AbortSignal = new AbortController().signal,
  ): ReturnType<typeof restoreFolder> => {
    const file = join(folder, 'store.json');
    writeFileSync(file, content);
    const data = join(folder, 'data');
    return restoreFolder(
      { file, id: 5n, url: 'http://b:1', clusterId: 77n, data, skip: 0, dryRun: false, ...more },
      signal,
    );
  };

  it('is JSON, and says what it is a copy of', async () => {
    const machine = filled();
    const copy = await copyOf(machine);
    expect(JSON.parse(copy.toString())).to.deep.include({
      origin: { cluster: '4096', index: 40, term: 3 },
      members: { '1': 'http://a:1', '2': 'http://a:2' },
    });
    for (const size of [1, 50, 79, 1000]) {
      const cut = Array.from({ length: Math.ceil(copy.length / size) }, (_, i) =>
        copy.subarray(i * size, (i + 1) * size),
      );
      const restored = new KvMachine();
      expect(await restoreCopy(pieces(cut), restored)).to.deep.equal({ ...origin, head });
      expect([...restored.entries()]).to.deep.equal([...machine.entries()]);
    }
  });

  it('is refused if a byte of it is another one, wherever', async () => {
    const copy = await copyOf(filled());
    await fc.assert(
      fc.asyncProperty(fc.nat(copy.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const damaged = Uint8Array.from(copy);
        damaged[at] = (damaged[at] as number) ^ by;
        const { code } = await failure(restoreCopy(pieces([damaged]), new KvMachine()));
        expect(code, `byte ${at}`).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
      }),
      { numRuns: 300 },
    );
  });

  it('is refused if it was cut short or is none, in a sentence, and nothing is written', async () => {
    const copy = await copyOf(filled());
    const text = copy.toString();
    const go = '{"kv":{"k":["v",5]},"members":{"1":"http://h:1"},"removed":[]}';
    const bodies: readonly (readonly [string | Uint8Array, RegExp])[] = [
      [copy.subarray(0, 300), /it was cut short$/u],
      [copy.subarray(0, copy.length - 1), /it does not end with its checksum/u],
      ['', /it was cut short$/u],
      ['<html>', /a byte 0x3c stands where/u],
      [go, /it does not say of what it is a copy/u],
      [JSON.stringify(JSON.parse(text)), /it does not end with its checksum: it was cut short, or written anew$/u],
      [text.replace('"v3😀"', '"v4😀"'), /its checksum is wrong: it was damaged, or changed$/u],
      [await copyOf(filled(), { ...origin, index: 29 }), /it is of index 29, but a key was written at 30$/u],
    ];
    for (const [body, why] of bodies) {
      const { message } = await failure(restore(Buffer.from(body)));
      expect(message).to.match(/store\.json cannot be restored: this is not a snapshot of the store: /u);
      expect(message).to.match(why);
      expect(readdirSync(folder)).to.deep.equal(['store.json']);
    }
    const missing = await failure(restore(copy, { file: join(folder, 'nothing') }));
    expect(missing.message).to.match(/^cannot read \S+nothing: ENOENT/u);
  });

  it('is not restored into the same cluster, nor where something is', async () => {
    const copy = await copyOf(filled());
    const { message } = await failure(restore(copy, { clusterId: 4096n }));
    expect(message).to.match(/store\.json is of cluster 4096: .*Pass another --cluster-id$/u);
    expect(existsSync(join(folder, 'data'))).to.equal(false);
    mkdirSync(join(folder, 'data', 'wal'), { recursive: true });
    expect((await failure(restore(copy))).message).to.match(/data is not empty, and what is in it stays/u);
    expect(readdirSync(join(folder, 'data'))).to.deep.equal(['wal']);
  });

  it('leaves nothing if it is interrupted, and what an earlier one left disturbs nobody', async () => {
    const copy = await copyOf(filled());
    mkdirSync(join(folder, 'data.restoring', 'wal'), { recursive: true });
    const stopped = await failure(restore(copy, {}, AbortSignal.abort()));
    expect(stopped).to.include({ name: 'AbortError' });
    expect(existsSync(join(folder, 'data'))).to.equal(false);
    expect(await restore(copy)).to.deep.include({ keys: 30, index: 40 });
    expect(readdirSync(folder)).to.deep.equal(['data', 'data.restoring', 'store.json']);
  });

  for (const skip of [0, 1000]) {
    it(`is a log of one founder that begins ${skip} after it, with a membership of its own`, async () => {
      const machine = filled();
      expect(await restore(await copyOf(machine), { skip })).to.deep.include({ keys: 30, index: 40 + skip });
      const data = join(folder, 'data');
      const checked = spawnSync(process.execPath, [join(root, 'raftwal/bin/raft-wal.js'), 'verify', data], {
        encoding: 'utf8',
      });
      expect(checked.stdout).to.match(/the log is sound$/mu);
      const log = await DurableStorage.open(data, { nodeId: 5n, clusterId: 77n });
      const { data: state, metadata } = log.snapshot();
      expect(metadata).to.deep.include({ index: 40 + skip, term: 3 });
      expect(metadata.confState.voters).to.deep.equal([5n]);
      expect(log.initialState().hardState).to.deep.equal({ term: 3, vote: 0n, commit: 40 + skip });
      expect([log.isNew, log.lastIndex(), log.founders]).to.deep.equal([false, 40 + skip, [5n]]);
      await log.close();
      const read = await kvFormat.unwrap(pieces([state as Uint8Array]));
      const restored = new KvMachine();
      await restored.restore(read.state, metadata);
      expect([...restored.entries()]).to.deep.equal([...machine.entries()]);
      expect(await read.head()).to.deep.equal({
        members: [[5n, 'http://b:1']],
        removed: [],
        lastId: 9n,
        promising: [],
        features: 1,
        sessions: [],
      });
    });
  }

  it('is read to its end and told of, with --dry-run, and nothing is written', async () => {
    const file = join(folder, 'store.json');
    const data = join(folder, 'data');
    const whole = await copyOf(filled());
    writeFileSync(file, whole);
    const argv = [file, '--id', '5', '--url', 'http://b:1', '--cluster-id', '77', '--data', data, '--skip', '60'];
    const command = parseRestoreFlags([...argv, '--dry-run']);
    if (command.kind !== 'run') throw new Error(command.kind);
    const restored = await restoreFolder(command.options, new AbortController().signal);
    expect(describeCopy(restored, command.options)).to.deep.equal([
      `${file} is whole: ${filled().size} keys of cluster 4096, as of index 40 of term 3`,
      'cluster 77 would have member 5 alone, at http://b:1; its log would begin at index 100',
    ]);
    expect(existsSync(data)).to.equal(false);
    const { message } = await failure(restore(whole.subarray(0, whole.length - 1), { dryRun: true }));
    expect(message).to.include('cut short');
  });

  it('has a command line that says what is missing', () => {
    const refusal = (...argv: string[]): string => {
      const command = parseRestoreFlags(argv);
      return command.kind === 'refuse' ? command.reason : command.kind;
    };
    const whole = ['f', '--url', 'http://h:1', '--cluster-id', '9', '--data', 'd'];
    expect(refusal(...whole)).to.equal('run');
    expect(refusal(...whole.slice(1))).to.equal('wants one FILE, that GET /snapshot gave');
    for (const flag of ['--url', '--cluster-id', '--data']) {
      const at = whole.indexOf(flag);
      expect(refusal(...whole.toSpliced(at, 2))).to.equal(`${flag} is missing; see --help`);
    }
    expect(refusal(...whole, '--id', '0')).to.equal("--id wants a member's number, 1 or more, not '0'");
    expect(refusal(...whole, '--skip', '-1')).to.match(/skip/u);
    expect(refusal('f', '--url', 'h:1', '--cluster-id', '9', '--data', 'd')).to.match(/^--url wants http/u);
    expect(refusal('--help')).to.equal('print');
  });
});

describe('the store: back up and restore, as the README says', function store() {
  this.timeout(180_000);
  const programs = new Programs();
  after(() => programs.endAll());

  /** The commands of the README's section, as words. */
  const commands = (): readonly (readonly string[])[] => {
    const readme = readFileSync(join(root, 'raftexample/README.md'), 'utf8');
    const section = /^### Back up and restore$(.*?)^##/msu.exec(readme)?.[1] ?? '';
    const blocks = [...section.matchAll(/^```sh$(.*?)^```$/gmsu)].flatMap(([, lines]) => (lines as string).split('\n'));
    return blocks.filter((line) => line !== '').map((line) => line.split(' '));
  };

  it('gives a new cluster the keys and versions of one that is gone', async () => {
    const peers = await freePeers(4);
    const port = (i: number): string => String(peers[i]?.port);
    const ports: Readonly<Record<string, string>> = { 23801: port(0), 23802: port(1), 23791: port(2), 23792: port(3) };
    const placed = (words: readonly string[]): string[] =>
      words.map((word) => word.replace(/\b23\d{3}\b/gu, (text) => ports[text] ?? text));
    const client = (i: 2 | 3, path: string): string => `http://127.0.0.1:${port(i)}${path}`;
    const [curl, restore, first, second, ...more] = commands().map(placed) as [string[], string[], string[], string[]];
    expect([curl[0], restore[4], first[4], second[4], more.length]).to.deep.equal(['curl', 'restore', 'kv', 'kv', 0]);
    const start = (words: readonly string[]): Program => {
      expect(words.slice(0, 4)).to.deep.equal(['npx', '--no', '--', 'raftexample']);
      return programs.start('raftexample.js', words.slice(4));
    };
    const own = ['--peers', `1=http://127.0.0.1:${port(0)}`, '--client-addr', `127.0.0.1:${port(2)}`];
    const before = programs.start('raftexample.js', ['kv', '--id', '1', ...own, '--data', 'old/member-1']);
    await before.sees(/member 1 leads/u);
    const written = new Map<string, string>();
    for (let i = 0; i < 40; i++) {
      const key = `k${i % 25}`;
      const { index } = (await (await fetch(client(2, `/kv/${key}`), { method: 'PUT', body: `v${i}` })).json()) as {
        index: number;
      };
      written.set(key, `v${i} "${index}"`);
    }
    // The curl of the README, by hand: it is not on every machine.
    expect(curl.slice(1, 3)).to.deep.equal(['--fail', '-o']);
    const [file, url] = curl.slice(3) as [string, string];
    const copy = await fetch(url);
    writeFileSync(join(programs.folder, file), Buffer.from(await copy.arrayBuffer()));
    const index = Number(copy.headers.get('raft-index'));
    await before.kill('SIGKILL');
    rmSync(join(programs.folder, 'old'), { recursive: true });

    expect((await start(restore).exit()).code).to.equal(0);
    const again = start(restore);
    expect((await again.exit()).code).to.equal(2);
    expect(again.errors.join('\n')).to.include('new/member-1 is not empty');
    const member = start(first);
    await member.sees(/member 1 leads/u);
    const joining = start(second);
    await joining.sees(/leads in term/u);
    while ((await fetch(client(3, '/readyz'))).status !== 200);
    for (const at of [2, 3] as const) {
      for (const [key, expected] of written) {
        const answer = await fetch(client(at, `/kv/${key}`));
        expect(`${await answer.text()} ${answer.headers.get('etag')}`).to.equal(expected);
      }
      const old = await fetch(client(at, `/watch?from=${index}`));
      expect(old.status).to.equal(410);
      expect(((await old.json()) as { oldest: number }).oldest).to.be.above(index);
    }
    const write = await fetch(client(3, '/kv/new'), { method: 'PUT', body: 'v' });
    expect(((await write.json()) as { index: number }).index).to.be.above(index);
    expect(((await (await fetch(client(3, '/members'))).json()) as { voters: number[] }).voters).to.include(1);
    for (const one of [joining, member]) expect((await one.kill('SIGTERM')).code).to.equal(0);
  });
});
