import { LimitedLogger, MessageType, restartNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { message, newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';
import { RecordingLogger } from './harness.js';

function limited(period = 10): { logger: LimitedLogger; lines: string[] } {
  const recorded = new RecordingLogger();
  return { logger: new LimitedLogger(recorded, period), lines: recorded.lines };
}

describe('LimitedLogger', () => {
  it('hands on sixteen lines of a kind in a period, and then says how many more there were, and the last', () => {
    const { logger, lines } = limited();
    for (let i = 0; i < 1000; i++)
      logger.info(`1 [term: ${i}] received a MsgVote message with higher term from ${i.toString(16)}`);
    expect(lines).to.have.lengthOf(16);
    for (let i = 0; i < 9; i++) logger.tick();
    expect(lines).to.have.lengthOf(16);
    logger.tick();
    expect(lines.slice(16)).to.deep.equal([
      'info 984 more lines like this one: 1 [term: 999] received a MsgVote message with higher term from 3e7',
    ]);
    logger.info('1 [term: 7] received a MsgVote message with higher term from 2');
    expect(lines).to.have.lengthOf(18);
  });

  it('lets no kind, and no level, take the place of another one', () => {
    const { logger, lines } = limited();
    for (let i = 0; i < 1000; i++) logger.info(`${i} ignored a MsgApp message from beef${i}`);
    logger.warn('1 ignored a MsgApp message from 2');
    logger.info('1 became leader at term 5');
    logger.error('something else');
    expect(lines.slice(16)).to.deep.equal([
      'warn 1 ignored a MsgApp message from 2',
      'info 1 became leader at term 5',
      'error something else',
    ]);
  });

  it('is bounded in the kinds that it tells apart', () => {
    const { logger, lines } = limited();
    const word = (i: number): string =>
      Array.from(i.toString(26), (c) => String.fromCharCode(103 + (parseInt(c, 26) % 19))).join('');
    for (let i = 0; i < 20_000; i++) logger.info(`${word(i)} ${word(i * 7)} ${word(i * 31)}`);
    expect(lines.length).to.be.at.most(256 * 16 + 16);
  });

  it('hands on every line for debugging', () => {
    const { logger, lines } = limited();
    expect(logger.debugEnabled).to.equal(true);
    for (let i = 0; i < 100; i++) logger.debug(`line ${i}`);
    expect(lines).to.have.lengthOf(100);
  });
});

describe('a member under a flood of messages', () => {
  it('logs as much as it would under a few of each kind, and still says what matters', async () => {
    const logger = new RecordingLogger();
    const node = restartNode({ ...newTestConfig(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n))), logger });
    const kinds = [MessageType.MsgVote, MessageType.MsgHeartbeat, MessageType.MsgAppResp, MessageType.MsgTimeoutNow];
    const shown = (): string[] => logger.lines.filter((line) => !line.startsWith('debug'));
    for (let i = 1; i <= 20_000; i++) {
      await node.step(
        message({ type: kinds[i % kinds.length] as MessageType, from: 2n + BigInt(i % 2), to: 1n, term: i }),
      );
    }
    expect(shown().length).to.be.below(16 * 20);
    const before = shown().length;
    for (let i = 0; i < 25; i++) node.tick();
    expect(shown().slice(before).join('\n')).to.match(/more lines like this one/u);
    await node.stop();
  });
});
