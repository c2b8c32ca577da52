import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { raftSim } from '@raft-ts/sim/node';
import { expect } from 'chai';
import { root } from '../repo/repository.js';

async function call(args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await raftSim(args, { out: (text) => (out += text), error: (text) => (error += text) });
  return { code, out, error };
}

/** A block of a page that shows a call and what it prints; a line `…` stands for any lines. */
interface Shown {
  readonly args: readonly string[];
  readonly parts: readonly string[];
}

function shownIn(page: string): Shown[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```console\n\$ npx --no -- raft-sim (.*)\n([\s\S]*?)^```$/gm)].map(
    ([, args = '', said = '']) => ({
      args: args.split(' '),
      parts: said.split(/^…\n/m).filter((part) => part !== ''),
    }),
  );
}

const NAMES = ['split-brain', 'split-minority', 'deaf-leader', 'mute-leader', 'deaf-follower', 'bridge'];

describe('raft-sim tells a situation', () => {
  const blocks = shownIn('docs/partitions.md');

  it('that docs/partitions.md shows, each of them', () => {
    expect(new Set(blocks.map(({ args }) => args[0]))).to.deep.equal(new Set(NAMES));
    const fences = readFileSync(join(root, 'docs/partitions.md'), 'utf8').match(/^```\w/gm) ?? [];
    expect(fences, 'every block is one of these').to.have.lengthOf(blocks.length);
  });

  for (const { args, parts } of blocks) {
    it(`in the words of docs/partitions.md: ${args.join(' ')}`, async () => {
      const { code, out } = await call(args);
      expect(code).to.equal(0);
      let from = 0;
      for (const part of parts) {
        const at = out.indexOf(part, from);
        expect(at, `${part}\nis not what is printed:\n${out.slice(from)}`).to.be.at.least(0);
        from = at + part.length;
      }
    });
  }

  for (const name of NAMES) {
    it(`with other seeds: ${name}`, async () => {
      for (const seed of ['2', '77', '123456789']) {
        for (const off of [[], ['--no-pre-vote'], ['--no-check-quorum'], ['--no-pre-vote', '--no-check-quorum']]) {
          const { code, out } = await call([name, '--seed', seed, ...off, '--no-table']);
          expect(code).to.equal(0);
          expect(out).to.contain('No rule of Raft was broken.').and.not.contain('What PreVote');
          // Whatever was told as committed is in every log in the end.
          const committed = [...out.matchAll(/: (\w) is committed, at index (\d+)/g)];
          expect(committed.length, out).to.be.at.least(2);
          const [, end = ''] = out.split('in the end:');
          const logs = [...end.matchAll(/committed up to (\d+), log up to (\d+)/g)].map(([, , last]) => Number(last));
          expect(logs, out).to.have.lengthOf(5);
          const highest = Math.max(...committed.map(([, , index]) => Number(index)));
          for (const last of logs) expect(last, out).to.be.at.least(highest);
        }
      }
    });
  }

  it('and explains wrong calls', async () => {
    for (const args of [['split-brain', '--seed', 'x'], ['split-brain', '--members', '3'], ['split-hair']]) {
      const { code, error } = await call(args);
      expect(code, args.join(' ')).to.equal(2);
      expect(error).to.contain('Usage: raft-sim').and.contain('split-brain');
    }
  });
});
