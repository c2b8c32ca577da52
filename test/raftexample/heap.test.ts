import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const heap = new URL('../../../raftexample/dist/common/heap.js', import.meta.url).href;

/** Makes garbage, some of which lives for a while, and prints how large the young generation has become. */
const program = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
  const { keepHeapSmall } = await import(process.argv[1]);
  if (process.argv[2] === 'small') keepHeapSmall();
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
  let kept = [];
  const churn = async (rounds) => {
    for (let i = 0; i < rounds; i++) {
      for (let j = 0; j < 20_000; j++) kept.push({ i, j });
      if (kept.length > 100_000) kept = kept.slice(50_000);
      await turn();
    }
  };
  for (let i = 0; i < 20 && young() < 8 * 2 ** 20; i++) await churn(1);
  await sleep(250);
  await churn(50);
  console.log(young() / 2 ** 20);
`;

async function youngMib(how: string, nodeOptions = ''): Promise<number> {
  const env = { ...process.env, NODE_OPTIONS: nodeOptions };
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program, heap, how], { env });
  expect(stderr).to.equal('');
  return Number(stdout);
}

describe('what a program does for its memory', () => {
  it('keeps the young generation small, unless Node.js was told what size it is to have', async function young() {
    if (!['11', '12', '13'].includes(process.versions.v8.split('.')[0] as string)) {
      console.log(`      skipped: a program sets nothing with V8 ${process.versions.v8}, which was not tried`);
      this.skip();
    }
    const [asEver, small, told] = await Promise.all([
      youngMib('as ever'),
      youngMib('small'),
      youngMib('small', '--max-semi-space-size=16'),
    ]);
    expect(small).to.be.within(8, 13);
    expect(asEver).to.be.greaterThan(30);
    expect(told, 'both halves').to.equal(2 * 16);
  });
});
