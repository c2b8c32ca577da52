import { Readable } from 'node:stream';
import { ConfChangeTransition, ConfChangeType, encodeConfChangeV2 } from '@raft-ts/proto';
import { type Entry, EntryType } from '@raft-ts/raft';
import { commandLine, describeCommitted, linesOf, memberLog, transportLogger } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

function entry(data: Uint8Array | undefined, type: EntryType = EntryType.EntryNormal): Entry {
  return { type, term: 2, index: 7, data };
}

/** A member's log, and the lines that it would write to standard output. */
function recordedLog() {
  const log = memberLog(1n, true);
  for (const transport of log.transports) transport.silent = true;
  const lines: string[] = [];
  log.on('data', (info: Record<symbol, string>) => lines.push(info[Symbol.for('message')] as string));
  return { log, lines };
}

describe('raftexample: what a member prints', () => {
  it('shows a short entry whole', () => {
    expect(describeCommitted(entry(Buffer.from('hello')))).to.equal(
      'committed index=7 term=2 kind=normal text="hello"',
    );
    expect(describeCommitted(entry(undefined))).to.equal('committed index=7 term=2 kind=empty text=""');
  });

  for (const [fill, shown] of [
    [0, '\\x00'],
    [0x1b, '\\x1b'],
    [0x41, 'A'],
    [0x9b, '\\x9b'],
    [0xff, '\\xff'],
  ] as const) {
    it(`cuts a long entry of bytes ${fill}, and says how many bytes are missing`, () => {
      expect(describeCommitted(entry(Buffer.alloc(90 << 20, fill)))).to.equal(
        `committed index=7 term=2 kind=normal text="${shown.repeat(256)}" and 94,371,584 more bytes`,
      );
    });
  }

  it('shows no character raw that moves a cursor or turns the order of a line', () => {
    const codes = [0x07, 0x0a, 0x0d, 0x1b, 0x7f, 0x85, 0x9b, 0x061c, 0x200e, 0x200f, 0x2028, 0x2029];
    for (const code of [...codes, 0x202a, 0x202e, 0x2066, 0x2069]) {
      const text = describeCommitted(entry(Buffer.from(String.fromCodePoint(code))));
      expect(text, code.toString(16)).to.match(printable);
    }
    expect(describeCommitted(entry(Uint8Array.of(0xed, 0xa0, 0x80)))).to.contain('text="\\xed\\xa0\\x80"');
  });

  it('names the steps of a membership change, but not thousands', () => {
    const change = (count: number) =>
      encodeConfChangeV2({
        transition: ConfChangeTransition.ConfChangeTransitionAuto,
        changes: Array.from({ length: count }, (_, i) => ({
          type: ConfChangeType.ConfChangeAddLearnerNode,
          nodeId: BigInt(i + 1),
        })),
        context: undefined,
      });
    expect(describeCommitted(entry(change(2), EntryType.EntryConfChangeV2))).to.match(/text="l1 l2"$/u);
    expect(describeCommitted(entry(change(100), EntryType.EntryConfChangeV2))).to.match(
      /text="l1 .* l32" and 68 more changes$/u,
    );
  });

  it('shows the bytes of a membership change that cannot be decoded', () => {
    expect(describeCommitted(entry(Buffer.from('\u001b[2J'), EntryType.EntryConfChange))).to.equal(
      'committed index=7 term=2 kind=conf-change text="\\x1b[2J"',
    );
  });

  it('names a command that a shell reads as it was meant', () => {
    expect(
      commandLine('raftexample.js', ['kv', '--data', "my data's/member-1", '--peers', '1=http://h:1,2=http://h:2']),
    ).to.match(/^node \S+raftexample\.js kv --data 'my data'\\''s\/member-1' --peers 1=http:\/\/h:1,2=http:\/\/h:2$/u);
  });

  it('keeps each message on one printing line of bounded length, whoever has worded it', () => {
    const { log, lines } = recordedLog();
    log.warn('a\nb\u001b[2J\u202e');
    log.info('\u009b'.repeat(1 << 20));
    transportLogger(log).warn('refused', {
      error: 'a b',
      path: '\u001b'.repeat(1 << 20),
      from: '1',
      url: 'http://h:1',
    });
    expect(lines[0]).to.equal('[1] warn: a\\nb\\x1b[2J\\u202e');
    expect(lines[1]).to.match(/^\[1\] (?:\\u009b){4092}… and 1,044,484 more characters$/u);
    expect(lines[2]).to.equal(
      `[1] warn: http: refused error="a b" path="${'\\x1b'.repeat(256)}" and 1,048,320 more characters from=1 url=http://h:1`,
    );
  });
});

describe('raftexample: lines that the launcher hands on', () => {
  async function relayed(chunks: readonly (string | Uint8Array)[], limit = 10): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), limit)) lines.push(line);
    return lines;
  }

  it('are the same however the bytes are cut', async () => {
    const text = 'one\ntwo\r\n\né日本🙂\nlast';
    const expected = ['one', 'two', '', 'é日本🙂', 'last'];
    expect(await relayed([text])).to.deep.equal(expected);
    expect(await relayed([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).to.deep.equal(expected);
  });

  it('are cut, also while their end is not in sight', async () => {
    expect(await relayed(['0123456789\n', '0123456789a\n'])).to.deep.equal([
      '0123456789',
      '0123456789… and 1 more characters',
    ]);
    const endless = Array.from({ length: 1000 }, () => 'x'.repeat(1000));
    expect(await relayed(endless)).to.deep.equal([`${'x'.repeat(10)}… and 999,990 more characters`]);
  });
});
