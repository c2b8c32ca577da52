import { RaftError, RaftPanic } from '@raft-ts/raft';
import { InputQueue } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { rejection } from '../../helpers/waiting.js';

const refused = new RaftError('ERR_RAFT_PROPOSAL_DROPPED', 'refused');

describe('the queue of inputs', () => {
  let seen: string[];
  let queue: InputQueue;
  beforeEach(() => {
    seen = [];
    queue = new InputQueue({
      before: () => seen.push('before'),
      after: () => seen.push('after'),
      failed: (error) => {
        seen.push(`failed: ${error.message}`);
        queue.end(error);
      },
    });
  });

  const say = (word: string) => (): string => {
    seen.push(word);
    return word;
  };

  it('runs an input at once, and resolves with what it returns', async () => {
    const answer = queue.call(say('a'), undefined);
    expect(seen).to.deep.equal(['before', 'a', 'after']);
    expect(await answer).to.equal('a');
  });

  it('runs what arrives in the middle of an input after it, in order', async () => {
    const answers: Promise<string>[] = [];
    queue.execute(() => {
      expect(queue.isRunning).to.equal(true);
      answers.push(queue.call(say('b'), undefined));
      queue.report(say('c'));
      queue.append([say('d')]);
      seen.push('a');
    });
    expect(seen).to.deep.equal(['before', 'a', 'after', 'b', 'after', 'c', 'after', 'd', 'after']);
    expect(queue.isRunning).to.equal(false);
    expect(await Promise.all(answers)).to.deep.equal(['b']);
  });

  it('ends with what the node throws before an input, and answers what comes later', async () => {
    const broken = new Error('the logger is broken');
    const fragile = new InputQueue({
      before: () => {
        throw broken;
      },
      after: () => undefined,
      failed: (error) => fragile.end(error),
    });
    expect(() => fragile.execute(say('a'))).to.throw(broken);
    expect([fragile.isRunning, fragile.ended]).to.deep.equal([false, broken]);
    expect(seen).to.deep.equal([]);
  });

  it('hands a coded refusal to its caller, and goes on', async () => {
    const refuse = (): never => {
      throw refused;
    };
    expect(await rejection(queue.call(refuse, undefined))).to.equal(refused);
    let nested: Promise<unknown> = Promise.resolve();
    queue.execute(() => {
      nested = rejection(queue.call(refuse, undefined));
      queue.report(say('a'));
    });
    expect(await nested).to.equal(refused);
    expect(seen).to.include('a');
    expect(queue.ended).to.equal(undefined);
  });

  it('ends with any other error, and tells whatever waits', async () => {
    const panic = new RaftPanic('invariant', 'broken');
    let waiting: Promise<unknown> = Promise.resolve();
    expect(() =>
      queue.execute(() => {
        waiting = rejection(queue.call(say('never'), undefined));
        queue.report(say('never'));
        throw panic;
      }),
    ).to.throw(panic);
    expect(await waiting).to.equal(panic);
    expect(queue.ended).to.equal(panic);
    expect(await rejection(queue.call(say('never'), undefined))).to.equal(panic);
    queue.report(say('never'));
    expect(seen).not.to.include('never');
  });

  it('does not run a call whose signal has aborted', async () => {
    const signal = AbortSignal.abort(new Error('never mind'));
    expect(await rejection(queue.call(say('never'), signal))).to.equal(signal.reason);
    expect(seen).to.deep.equal([]);
  });
});
