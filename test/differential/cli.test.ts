import { expect } from 'chai';
import { differential } from './cli.js';

async function said(args: readonly string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await differential(args, {
    out: (words) => {
      text += words;
    },
  });
  return { code, text };
}

describe('npm run differential', () => {
  it('explains its options', async () => {
    const { code, text } = await said(['--help']);
    expect(code).to.equal(0);
    for (const option of ['--seeds', '--from', '--scripts-only', '--lockstep-only', '--record', '--replay']) {
      expect(text).to.include(option);
    }
  });

  for (const args of [['--sedes', '5'], ['--seeds', 'many'], ['--from', '-1'], ['file']]) {
    it(`does not know ${args.join(' ')}`, async () => {
      const { code, text } = await said(args);
      expect(code).to.equal(2);
      expect(text).to.include('Usage:');
    });
  }

  it('says that it does nothing without Go, and that this is no failure', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      expect(await said(['--seeds', '1'])).to.deep.equal({
        code: 0,
        text: 'SKIPPED the differential run: Go is not installed\n',
      });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
