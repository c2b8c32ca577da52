import { type Logger, type NodeId, silentLogger } from '@raft-ts/raft';
import { bytesCodec, type Codec, defaultFormat, type Format, jsonCodec } from '@raft-ts/replica';
import { commandReader, commandWriter } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

/** What a call gives, or the text of what it throws. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return String(error);
  }
}

describe('replica: reading commands without the objects of decode', () => {
  it('takes a command without a session out of an entry, as decode does, and leaves every other entry to it', () => {
    const numbers = defaultFormat(jsonCodec<unknown>());
    const reader = commandReader(numbers);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ minLength: 12, maxLength: 32 }), fc.json())
        .map(([kind, rest, json]) => Uint8Array.of(kind, ...rest.subarray(0, 12), ...new TextEncoder().encode(json))),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        const decoded = outcome(() => numbers.decode(data));
        if (reader?.reads(data) === true) {
          const read = outcome(() => ({
            content: { kind: 'command', command: reader.command(data) },
            request: { boot: reader.boot(data), sequence: reader.sequence(data) },
          }));
          expect(read).to.deep.equal(decoded);
        } else if (typeof decoded === 'object') {
          const { kind, place } = (decoded as { content: { kind: string; place?: unknown } }).content;
          expect(kind !== 'command' || place !== undefined).to.equal(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is not asked for entries of a format with a decode of its own', () => {
    const format = defaultFormat(bytesCodec);
    expect(commandReader({ ...format, sessionsNeedFeatures: true })).to.equal(commandReader(format));
    expect(commandReader({ ...format, decode: (data) => format.decode(data) })).to.equal(undefined);
  });

  it('has a counterpart that writes the bytes of encode, if that is the one of the format', () => {
    const numbers = defaultFormat(jsonCodec<unknown>());
    const write = commandWriter(numbers);
    const number48 = fc.maxSafeNat().map((n) => n % 2 ** 48);
    fc.assert(
      fc.property(fc.jsonValue(), number48, number48, (command, boot, sequence) => {
        const encoded = numbers.encode({ kind: 'command', command }, { member: 1n, boot, sequence });
        expect(write?.(command, boot, sequence)).to.deep.equal(encoded);
      }),
    );
    expect(commandWriter({ ...numbers, sessionsNeedFeatures: true })).to.equal(write);
    expect(commandWriter({ ...numbers, encode: (...of) => numbers.encode(...of) })).to.equal(undefined);
  });

  describe('on three members', () => {
    let members: VirtualCluster<number, number>;
    const warnings = new Map<NodeId, string[]>();

    const loggerOf = (id: NodeId): Logger => {
      const said: string[] = [];
      warnings.set(id, said);
      return { ...silentLogger, warn: (line) => said.push(line) };
    };

    const start = async (options: { codec: Codec<number> } | { format: Format<number> }): Promise<void> => {
      members = new VirtualCluster(3, () => new Counter(), options);
      for (const id of members.ids) await members.startMember(id, { logger: loggerOf(id) });
    };

    afterEach(() => members.stop());

    it('skips a command that the codec cannot read, tells whoever proposed it, and goes on', async () => {
      const json = jsonCodec<number>();
      const decode = (data: Uint8Array): number => {
        const n = json.decode(data);
        if (n === 13) throw new Error('no thirteen');
        return n;
      };
      await start({ codec: { encode: json.encode, decode } });
      const leader = await members.leader();
      const error: unknown = await members.time.settled(leader.propose(13).catch((caught: unknown) => caught));
      expect(error).to.have.property('code', 'ERR_RAFT_COMMAND_FAILED');
      for (const id of members.ids) {
        const { result } = await members.time.settled(members.replica(id).propose(1));
        expect(result).to.equal(Number(id));
      }
      await members.time.advance(100);
      for (const id of members.ids) {
        const skipped = (warnings.get(id) ?? []).filter((line) => line.includes('skipped the entry at index'));
        expect(skipped, `of member ${id}`).to.have.length(1);
        expect(skipped[0]).to.contain('the codec cannot read a command of 2 bytes: no thirteen');
      }
    });

    it('asks an encode of one’s own for each command', async () => {
      const format = defaultFormat(jsonCodec<number>());
      const encode: Format<number>['encode'] = (content, request) =>
        content.kind === 'command'
          ? format.encode({ ...content, command: 10 * content.command }, request)
          : format.encode(content, request);
      await start({ format: { ...format, encode } });
      const { result } = await members.time.settled((await members.leader()).propose(2));
      expect(result).to.equal(20);
    });

    it('has all members apply what a decode of one’s own makes of an entry', async () => {
      const format = defaultFormat(jsonCodec<number>());
      const decode: Format<number>['decode'] = (data) => {
        const decoded = format.decode(data);
        if (decoded?.content.kind !== 'command') return decoded;
        return { ...decoded, content: { ...decoded.content, command: 10 * decoded.content.command } };
      };
      await start({ format: { ...format, decode } });
      await members.leader();
      let sum = 0;
      for (const id of members.ids) {
        const { result } = await members.time.settled(members.replica(id).propose(Number(id)));
        expect(result).to.equal((sum += 10 * Number(id)));
      }
    });
  });
});
