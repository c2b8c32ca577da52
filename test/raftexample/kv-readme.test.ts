import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type KvCluster, kvCluster } from './kv-cluster.js';

const run = promisify(execFile);

interface Call {
  readonly line: number;
  readonly command: string;
  /** What the document says that it prints. */
  readonly prints: string;
}

/** The commands in blocks ```` ```console ````: each begins after `$ `, and goes on in lines that are indented. */
function callsOf(document: string): readonly Call[] {
  const calls: { line: number; command: string; prints: string }[] = [];
  let inside = false;
  for (const [i, line] of document.split('\n').entries()) {
    if (line.startsWith('```')) inside = line === '```console';
    else if (!inside) continue;
    else if (line.startsWith('$ ')) calls.push({ line: i + 1, command: line.slice(2), prints: '' });
    else {
      const last = calls.at(-1) as (typeof calls)[number];
      if (line.startsWith('    ')) last.command += `\n${line}`;
      else last.prints += line;
    }
  }
  return calls;
}

/** Indexes depend on what happened before. */
const withoutNumbers = (text: string): string => text.replaceAll(/\d+/gu, 'N');

describe('the store: the commands of its README', () => {
  const calls = callsOf(readFileSync(new URL('../../../raftexample/README.md', import.meta.url), 'utf8'));
  let store: KvCluster;

  before(async function curl() {
    try {
      await run('curl', ['--version']);
    } catch {
      console.log('      skipped: curl is not installed');
      this.skip();
    }
    store = await kvCluster(5);
  });

  after(() => store?.stop());

  it('print what it says', async () => {
    expect(calls).not.to.be.empty;
    for (const { line, command, prints } of calls) {
      const here = command
        .replace(/^curl /u, 'curl -sS ')
        .replaceAll(/127\.0\.0\.1:2379(\d)/gu, (_, member: string) => `127.0.0.1:${store.ports[Number(member) - 1]}`);
      const { stdout } = await run('sh', ['-c', here]);
      expect(withoutNumbers(stdout), `README.md:${line}: ${stdout}`).to.equal(withoutNumbers(prints));
    }
  });
});
