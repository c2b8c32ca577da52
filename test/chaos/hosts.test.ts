import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { expect } from 'chai';
import { root, run } from '../repo/repository.js';
import { namespaces, obstacle, ROUTER } from './hosts.js';

describe('chaos: members as hosts', function hosts() {
  it('are cut off, silenced one way or both, and reached again, and leave nothing behind', async function cuts() {
    const why = obstacle();
    if (why !== undefined) {
      console.log(`      skipped: no hosts, because ${why}`);
      this.skip();
    }
    const [command, ...argv] = namespaces(process.execPath, join(root, 'test/dist/chaos/hosts-probe.js'));
    const { code, stdout, stderr } = await run(command, argv, { cwd: root, timeoutMs: 50_000, env: ROUTER });
    expect(code, stderr).to.equal(0);
    const { found, tell } = JSON.parse(stdout) as { found: Record<string, string>; tell: readonly string[] };
    expect(found).to.deep.equal({
      open: 'connected',
      cut: 'ENETUNREACH',
      silent: 'nothing',
      'open again': 'connected',
      'no way back': 'nothing',
      mended: 'connected',
      slow: 'connected',
    });
    for (const line of tell) console.log(`      ${line}`);
    for (const id of [1, 2]) expect(existsSync(`/run/netns/host-${id}`)).to.equal(false);
  });
});
