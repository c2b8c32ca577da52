import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import type { Node } from '@raft-ts/raft';
import { CommandError, carryOut, sayHello } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

type Logger = Parameters<typeof sayHello>[3];

describe('hello', () => {
  /** A node that takes proposals when it is told to. */
  class Proposals {
    readonly taken: string[] = [];
    underWay = 0;
    most = 0;
    next: () => Promise<void> = () => Promise.resolve();

    async propose(data: Uint8Array): Promise<void> {
      this.underWay++;
      this.most = Math.max(this.most, this.underWay);
      try {
        await this.next();
        this.taken.push(new TextDecoder().decode(data));
      } finally {
        this.underWay--;
      }
    }
  }

  const setUp = (everyMs: number) => {
    const proposals = new Proposals();
    const warnings: string[] = [];
    const ending = new AbortController();
    const logger = { warn: (text: string) => warnings.push(text) } as unknown as Logger;
    const done = sayHello(proposals as unknown as Node, { afterMs: 0, everyMs }, ending.signal, logger);
    let over = false;
    done.then(
      () => (over = true),
      () => (over = true),
    );
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds() && !over) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    return { proposals, warnings, ending, done, until };
  };

  it('is proposed one at a time, and no more once it is to end', async () => {
    const { proposals, ending, done, warnings, until } = setUp(1);
    await until(() => proposals.taken.length >= 5);
    ending.abort();
    await done;
    const { length } = proposals.taken;
    await turn();
    expect(proposals.taken).to.deep.equal(Array.from({ length }, () => 'hello'));
    expect(proposals.most).to.equal(1);
    expect(warnings).to.deep.equal([]);
  });

  it('goes on after one that was refused, and says why', async () => {
    const { proposals, ending, done, warnings, until } = setUp(1);
    let refusals = 2;
    proposals.next = () => (refusals-- > 0 ? Promise.reject(new Error('no leader')) : Promise.resolve());
    await until(() => proposals.taken.length > 0);
    ending.abort();
    await done;
    expect(warnings.length).to.be.at.least(1);
    expect(warnings[0]).to.equal('hello given up: no leader');
  });

  it('says nothing of one that fails because the member ends', async () => {
    const { proposals, ending, done, warnings, until } = setUp(1);
    proposals.next = () =>
      new Promise((_, reject) => {
        ending.signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    await until(() => proposals.underWay > 0);
    ending.abort();
    await done;
    expect(warnings).to.deep.equal([]);
  });
});

describe('hello', () => {
  it('does not hide an error that nobody expected', async () => {
    const bug = new Error('bug');
    const node = { propose: () => Promise.reject(new Error('no leader')) } as unknown as Node;
    const logger = {
      warn: () => {
        throw bug;
      },
    } as unknown as Logger;
    const done = sayHello(node, { afterMs: 0, everyMs: 1 }, new AbortController().signal, logger);
    expect(await done.catch((error: unknown) => error)).to.equal(bug);
  });
});

describe('a command', () => {
  const run = async (command: Parameters<typeof carryOut<number>>[1], code: () => Promise<number>) => {
    const written: [string, string][] = [];
    const { stdout, stderr } = process;
    const [out, err] = [stdout.write, stderr.write];
    stdout.write = (text: unknown) => written.push(['out', String(text)]) > 0;
    stderr.write = (text: unknown) => written.push(['err', String(text)]) > 0;
    try {
      return { code: await carryOut('name', command, code), written };
    } finally {
      stdout.write = out;
      stderr.write = err;
    }
  };
  const never = (): Promise<number> => Promise.reject(new Error('not to be run'));

  it('ends with the code of its run', async () => {
    const ended = await run({ kind: 'run', options: 1 }, () => Promise.resolve(3));
    expect(ended).to.deep.equal({ code: 3, written: [] });
  });

  it('that is refused says why on standard error, and ends with 2', async () => {
    const refused = await run({ kind: 'refuse', reason: 'no id' }, never);
    expect(refused).to.deep.equal({ code: 2, written: [['err', 'name: no id\n']] });
  });

  it('that meets an error of its own ends with its code', async () => {
    const met = await run({ kind: 'run', options: 1 }, () => Promise.reject(new CommandError('bad log', 4)));
    expect(met).to.deep.equal({ code: 4, written: [['err', 'name: bad log\n']] });
  });

  it('does not hide an error that nobody expected', async () => {
    const error = new Error('bug');
    const met = await run({ kind: 'run', options: 1 }, () => Promise.reject(error)).catch((caught: unknown) => caught);
    expect(met).to.equal(error);
  });

  it('that asks for a text prints it, and ends with 0', async () => {
    const printed = await run({ kind: 'print', text: 'usage\n' }, never);
    expect(printed).to.deep.equal({ code: 0, written: [['out', 'usage\n']] });
  });
});
