/** The reference's own test of a store's cluster, on members of ours alone and beside the Go member. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { scratchFolder, stopAll } from '../rafthttp/members.js';

const reference = fileURLToPath(new URL('../../reference', import.meta.url));
const ours = fileURLToPath(new URL('../../../raftexample/bin/raftexample.js', import.meta.url));

/** Eighteen steps; on a busy machine some wait for an election or for thousands of entries. */
const PATIENCE_MS = 900_000;

const mixtures = {
  'three of ours': ['ours'],
  'Go, ours, Go': ['go', 'ours', 'go'],
  'ours, Go, ours': ['ours', 'go', 'ours'],
} as const;

/** Builds a program of the module; returns why if that is not possible. */
function build(program: string): string | undefined {
  try {
    execFileSync('go', ['build', '-o', program, './cmd/smoke'], {
      cwd: reference,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    return code === 'ENOENT' ? 'there is no Go toolchain' : `it does not build: ${String(stderr).slice(0, 200)}`;
  }
}

describe('the reference smoke test', function smoke() {
  this.timeout(PATIENCE_MS);
  let program = '';

  before(function prepare() {
    if (process.env['RAFT_TS_INTEROP'] === undefined) {
      console.log('      skipped: npm run test:interop runs it');
      this.skip();
    }
    program = join(scratchFolder(), 'smoke');
    const missing = build(program);
    if (missing === undefined) return;
    console.log(`      skipped: ${missing}`);
    this.skip();
  });

  after(stopAll);

  for (const snapshots of ['inline', 'stream'] as const) {
    for (const [name, kinds] of Object.entries(mixtures)) {
      it(`passes with ${name}, snapshots ${snapshots}`, async () => {
        const often = ['--snapshot-every', '2000', '--catch-up', '500', '--snapshots', snapshots].join(' ');
        const place = "--id {id} --peers '{peers}' --client-addr {client} --data '{data}' {join}";
        const command = `'${process.execPath}' '${ours}' kv ${place} ${often}`;
        const commands = kinds.flatMap((kind) => ['-cmd', kind === 'go' ? 'go' : command]);
        // A group of its own, so that the members end with it if this test gives up.
        const child = spawn(program, [...commands, '-args', often.replaceAll('--', '-')], {
          cwd: reference,
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        const lines: string[] = [];
        for (const stream of [child.stdout, child.stderr]) {
          createInterface({ input: stream }).on('line', (line) => lines.push(line));
        }
        const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), PATIENCE_MS - 10_000);
        const began = performance.now();
        const [code] = await once(child, 'close');
        clearTimeout(timer);
        expect(code, lines.join('\n')).to.equal(0);
        console.log(
          `      ${lines.length} lines in ${((performance.now() - began) / 1000).toFixed(0)} s; ${lines.at(-1)}`,
        );
      });
    }
  }
});
