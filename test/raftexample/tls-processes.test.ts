import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { formatPeers } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { commitOn, freePeers, type Program, Programs } from './processes.js';

interface Asked {
  readonly method?: string;
  readonly body?: string;
  readonly folder?: string;
  /** Whose certificate is shown. */
  readonly as?: string;
  readonly ca?: string;
}

/** What a client sees of a connection that is closed. */
const REFUSED = /^(ECONNRESET|EPIPE|ERR_SSL)/u;

/** The answer of a server that the CA in this folder has certified; or the code of the error. */
async function ask(url: string, { method = 'GET', body = '', folder = '', as, ca = 'ca.crt' }: Asked): Promise<string> {
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const own = as === undefined ? {} : { cert: read(`${as}.crt`), key: read(`${as}.key`) };
  const sent = url.startsWith('https:')
    ? request(url, { method, agent: false, ca: read(ca), ...own })
    : plainRequest(url, { method, agent: false });
  sent.end(body);
  try {
    const [response] = await once(sent, 'response');
    let text = '';
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
    return `${response.statusCode} ${text}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** The blocks of commands in the section of this title, in order. */
function commandsOf(title: string): string[] {
  const readme = readFileSync(new URL('../../../raftexample/README.md', import.meta.url), 'utf8');
  const [, section = ''] = new RegExp(`\n### ${title}\n([^]*?)\n## `, 'u').exec(readme) ?? [];
  return [...section.matchAll(/```sh\n([^]*?)```/gu)].map(([, block]) => block as string);
}

describe('TLS between processes', function tls() {
  this.timeout(180_000);
  const programs = new Programs();
  afterEach(() => programs.endAll());

  it('the store’s README says how: its commands make certificates, start three members and write', async function readme() {
    const [prepare, start, write] = commandsOf('TLS') as [string, string, string];
    if (spawnSync('openssl', ['version']).status !== 0) {
      console.log('skipped: the README makes certificates with openssl, which is not installed here');
      this.skip();
    }
    const { folder } = programs;
    const made = spawnSync('sh', ['-e', '-c', prepare], { cwd: folder, encoding: 'utf8' });
    expect(made.status, made.stderr).to.equal(0);

    const ports = new Map<string, string>();
    for (const { id, port } of await freePeers(6)) {
      ports.set(id <= 3n ? `2380${id}` : `2379${id - 3n}`, String(port));
    }
    const replaced = (text: string): string => text.replace(/\b23(?:79|80)\d\b/gu, (port) => ports.get(port) as string);
    const members = [1, 2, 3].map((id) => {
      const own = start.replace('--id 1', `--id ${id}`).replaceAll('member-1', `member-${id}`);
      const text = own.replace('tls-data-1', `tls-data-${id}`).replace(':23791', `:2379${id}`);
      const [program, ...args] = replaced(text).replaceAll('\\\n', ' ').trim().split(/\s+/u).slice(3);
      expect(program).to.equal('raftexample');
      return programs.start('raftexample.js', [...args, '--tick', '50ms']);
    });
    await Promise.all(members.map((member) => member.sees(/member \d leads in term \d+$/u)));
    await members[0]?.sees(/member 1: clients at https:\/\/127\.0\.0\.1:\d+, peers at https:\/\/127\.0\.0\.1:\d+$/u);

    const [, url = ''] =
      /^curl --cacert ca\.crt --cert client\.crt --key client\.key -X PUT -d world (\S+)$/mu.exec(write) ?? [];
    const at = (id: number): string => replaced(url.replace('23791', `2379${id}`));
    expect(await ask(at(1), { method: 'PUT', body: 'world', folder, as: 'client' })).to.match(/^200 /u);
    expect(await ask(at(2), { folder, as: 'client' })).to.equal('200 world');

    expect(await ask(at(1), { folder })).to.match(REFUSED);
    await members[0]?.sees(
      /warn: http: rejected connection remote-addr=127\.0\.0\.1 error="no certificate was shown"$/u,
    );
    expect(await ask(at(1).replace('https:', 'http:'), {})).to.match(REFUSED);
    await members[0]?.sees(
      /warn: .* error="plain HTTP was spoken to a port with TLS: its URL must begin with https:\/\/"$/u,
    );
    // The clients' certificate is signed by the CA of the members, but speaks for none.
    const peers = `https://127.0.0.1:${ports.get('23801')}/raft`;
    expect(await ask(peers, { method: 'POST', folder, as: 'client' })).not.to.match(/^2/u);
    for (const member of members) expect((await member.kill('SIGTERM')).code).to.equal(0);
  });

  it('members of hello commit with certificates, and refuse those of another CA, old ones and plain HTTP', async () => {
    const { folder } = programs;
    const authority = new Authority(folder, 'ca');
    const stranger = new Authority(folder, 'stranger');
    const peers = await freePeers(2);
    const members = peers.map(({ id }) => {
      const name = `member-${id}`;
      authority.issue(name, { cn: name, hosts: ['127.0.0.1'] });
      return programs.start('raftexample.js', [
        ...['--id', String(id), '--peers', formatPeers(peers, 'https'), '--memory'],
        ...['--tick', '20', '--hello-after', '0', '--hello-every', '50'],
        ...['--peer-cert-file', `${name}.crt`, '--peer-key-file', `${name}.key`, '--peer-trusted-ca-file', 'ca.pem'],
        ...['--peer-member-cn', 'member-'],
      ]);
    });
    const [first] = members as [Program, Program];
    authority.issue('expired', { cn: 'member-2', hosts: ['127.0.0.1'], from: -9, to: -1 });
    stranger.issue('foreign', { cn: 'member-2', hosts: ['127.0.0.1'] });
    await commitOn(members);
    const url = `https://127.0.0.1:${peers[0]?.port}/raft`;
    for (const [as, fault] of [
      ['expired', 'the certificate, or a CA above it, has expired'],
      ['foreign', 'the CA of the certificate is not trusted'],
    ] as const) {
      expect(await ask(url, { folder, as, ca: 'ca.pem' })).to.match(REFUSED);
      await first.sees(new RegExp(`warn: http: rejected connection error="${fault}"$`, 'u'));
    }
    expect(await ask(url.replace('https:', 'http:'), {})).to.match(REFUSED);
    await first.sees(/error="plain HTTP was spoken to a port with TLS/u);
    await commitOn(members);
  });

  it('a member whose certificates cannot be used ends with exit code 2, and has written nothing', async () => {
    const { folder } = programs;
    const authority = new Authority(folder, 'ca');
    authority.issue('member-1', { cn: 'member-1', hosts: ['127.0.0.1'] });
    authority.issue('other', { cn: 'other' });
    const before = readdirSync(folder);
    const own = ['--peers', '1=https://127.0.0.1:1', '--peer-cert-file', 'member-1.crt', '--peer-key-file'];
    const kv = programs.start('raftexample.js', ['kv', ...own, 'other.key']);
    const hello = programs.start('raftexample.js', ['--id', '1', ...own, 'none.key']);
    for (const [program, fault] of [
      [kv, /^raftexample kv: cannot use what --peer-cert-file .*: certificate and key cannot be used/u],
      [hello, /^raftexample: cannot use what --peer-cert-file .*: cannot read none\.key: ENOENT/u],
    ] as const) {
      expect(await program.exit()).to.deep.equal({ code: 2, signal: null });
      expect(program.errors).to.have.length(1);
      expect(program.errors[0]).to.match(fault);
    }
    expect(readdirSync(folder)).to.deep.equal(before);
  });
});
