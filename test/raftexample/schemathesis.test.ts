/** Requests that schemathesis makes up from openapi.yaml: valid ones, invalid ones, and everything at the edges. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { freePeers, type Program, Programs } from './processes.js';

const description = fileURLToPath(new URL('../../../raftexample/openapi.yaml', import.meta.url));

/** Of each operation; all of them take about ten seconds. */
const EXAMPLES = 20;
/** The same requests in every run of the same release. */
const SEED = 1;

/**
 * A member that has no leader, or not in time, says 503 or 504: that is no fault. Whether what fits the description is
 * also accepted is not asked: it does not say which keys and versions there are.
 */
const settings = `
[generation]
database = "none"

[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
`;
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'allow_header_conformance',
];

/** Where it is, if it is there. */
function findSchemathesis(): string | undefined {
  const named = process.env['SCHEMATHESIS'] ?? 'schemathesis';
  const { status, stdout } = spawnSync(named, ['--version'], { encoding: 'utf8' });
  return status === 0 && /version 4\./u.test(stdout) ? named : undefined;
}

async function outcomeOf(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<[code: unknown, text: string]> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  return [code, text];
}

describe('the store: requests made up from openapi.yaml', function madeUp() {
  this.timeout(300_000);
  const programs = new Programs();
  after(() => programs.endAll());

  it('no answer is a 500, and none is outside the description', async function run() {
    const schemathesis = findSchemathesis();
    if (schemathesis === undefined) {
      console.log(
        '      skipped: there is no schemathesis 4 here (pip install schemathesis, and name it in SCHEMATHESIS if it is not in the PATH)',
      );
      this.skip();
    }
    const peers = await freePeers(3);
    const clients = await freePeers(3);
    // No request removes a member by chance.
    const idOf = (i: number): number => Number.MAX_SAFE_INTEGER - i;
    const list = peers.map(({ port }, i) => `${idOf(i)}=http://127.0.0.1:${port}`).join(',');
    const members = clients.map(
      ({ port }, i): Program =>
        programs.start('raftexample.js', [
          ...['kv', '--id', String(idOf(i)), '--peers', list, '--client-addr', `127.0.0.1:${port}`],
          ...['--data', join(programs.folder, `made-up-${i}`), '--tick', '50ms'],
        ]),
    );
    await Promise.all(members.map((member) => member.sees(/leads in term/u)));

    writeFileSync(join(programs.folder, 'settings.toml'), settings);
    const [code, text] = await outcomeOf(
      schemathesis,
      [
        ...['--config-file', 'settings.toml', 'run', description, '--url', `http://127.0.0.1:${clients[0]?.port}`],
        ...['--checks', checks.join(','), '--phases', 'examples,coverage,fuzzing', '--mode', 'all'],
        ...['--max-examples', String(EXAMPLES), '--seed', String(SEED), '--continue-on-failure', '--no-shrink'],
        // A watch has no end.
        ...['--exclude-path', '/watch', '--request-timeout', '20', '--suppress-health-check', 'all'],
      ],
      programs.folder,
    );
    expect(code, text).to.equal(0);
    expect(text).to.match(/\d+ generated/u);
    for (const member of members) {
      expect((await member.kill('SIGTERM')).code).to.equal(0);
      expect(member.lines.filter((line) => line.includes('a request failed'))).to.deep.equal([]);
    }
  });
});
