import { type Entry, type Logger, type NodeId, silentLogger } from '@raft-ts/raft';
import { type Format, type Position, ProposalUnknown, type StateMachine } from '@raft-ts/replica';
import { collect } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { goFormat, type KvCommand } from './go-format.js';
import { VirtualCluster } from './virtual.js';

/** The store of the Go member: each key with the index that last wrote it. */
class Kv implements StateMachine<KvCommand, number> {
  readonly kv = new Map<string, [value: string, index: number]>();

  apply({ op, key, value = '', ifIndex }: KvCommand, { index }: Position): number {
    const current = this.kv.get(key)?.[1] ?? 0;
    if (ifIndex !== undefined && ifIndex !== current) return current;
    if (op === 'put') this.kv.set(key, [value, index]);
    if (op === 'delete') this.kv.delete(key);
    return index;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(Object.fromEntries(this.kv)));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const kv = JSON.parse(new TextDecoder().decode(await collect(chunks))) as Record<string, [string, number]>;
    this.kv.clear();
    for (const [key, pair] of Object.entries(kv)) this.kv.set(key, pair);
  }
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const bytes = (written: string): Uint8Array => new TextEncoder().encode(written);

describe('replica: a format of one’s own, that of the Go member of the reference', () => {
  const machines = new Map<NodeId, Kv>();
  const warnings = new Map<NodeId, string[]>();
  let members: VirtualCluster<KvCommand, number>;
  /** What members write in place of commands, if it is set. */
  let garbage: string | undefined;
  const format: Format<KvCommand> = {
    ...goFormat,
    encode: (content, request) =>
      garbage === undefined || content.kind !== 'command' ? goFormat.encode(content, request) : bytes(garbage),
  };

  const loggerOf = (id: NodeId): Logger => {
    const said: string[] = [];
    warnings.set(id, said);
    return { ...silentLogger, warn: (line) => said.push(line) };
  };

  beforeEach(async () => {
    members = new VirtualCluster(
      3,
      (id) => {
        const machine = new Kv();
        machines.set(id, machine);
        return machine;
      },
      { format, snapshots: { everyEntries: 10, keepEntries: 1 } },
    );
    for (const id of members.ids) await members.startMember(id, { logger: loggerOf(id) });
  });

  afterEach(() => members.stop());

  const entriesOf = (id: NodeId): readonly Entry[] => {
    const log = members.logs.get(id);
    return log === undefined ? [] : log.entries(log.firstIndex(), log.lastIndex() + 1, 2 ** 30);
  };

  it('writes entries as its README says, and answers by them on every member', async () => {
    await members.leader();
    for (const id of members.ids) {
      const { result, index } = await members.time.settled(
        members
          .replica(id)
          .propose({ op: 'put', key: 'k', value: 'ü', ifIndex: machines.get(id)?.kv.get('k')?.[1] ?? 0 }),
      );
      expect(result).to.equal(index);
      const data = text(entriesOf(id).find((entry) => entry.index === index)?.data);
      expect(data).to.match(
        new RegExp(`^\\{"op":"put","key":"k","value":"ü","ifIndex":[0-9]+,"id":"${id}-[0-9a-z]+-[0-9]+"\\}$`),
      );
      await members.time.advance(50);
    }
    expect(
      text(
        goFormat.encode(
          { kind: 'command', command: { op: 'delete', key: 'a/b' } },
          { member: 3n, boot: 46655, sequence: 7 },
        ),
      ),
    ).to.equal('{"op":"delete","key":"a/b","id":"3-zzz-7"}');
  });

  it('reads what a Go member writes, in any order and spacing, with the value left out if it is empty', () => {
    const decoded = goFormat.decode(bytes('{ "id": "2-mb1-9",\n "key": "k", "op": "put" }'));
    expect(decoded).to.deep.equal({
      content: { kind: 'command', command: { op: 'put', key: 'k', value: '' } },
      request: { boot: Number.parseInt('mb1', 36), sequence: 9 },
    });
  });

  it('writes and reads snapshots as its README says', async () => {
    const head = {
      members: [
        [1n, 'http://a'],
        [2n, 'http://b'],
      ],
      removed: [3n, 2n ** 60n],
      lastId: 2n ** 60n,
      promising: [],
      features: 0,
      sessions: [],
    } as const;
    const kv = '{"k":["v",7]}';
    async function* state(): AsyncGenerator<Uint8Array, void> {
      yield bytes(kv);
    }
    const written = await collect(goFormat.wrap(head, state()));
    expect(text(written)).to.equal(
      '{"kv":{"k":["v",7]},"members":{"1":"http://a","2":"http://b"},"removed":[3,1152921504606846976]}',
    );
    const read = await goFormat.unwrap(
      (async function* () {
        yield written;
      })(),
    );
    expect(text(await collect(read.state))).to.equal(kv);
    expect(await read.head()).to.deep.equal(head);
  });

  it('carries members and state over a restart from a snapshot, and to a member that was away', async () => {
    const leader = await members.leader();
    const away = members.ids.find((id) => id !== leader.id) as NodeId;
    await members.kill(away);
    for (let i = 0; i < 40; i++) {
      await members.time.settled(leader.propose({ op: 'put', key: `k${i % 5}`, value: String(i) }));
    }
    const again = await members.startMember(away);
    await members.time.until(() => again.applied.index === leader.applied.index, 'it has caught up');
    expect([...(machines.get(away) as Kv).kv]).to.deep.equal([...(machines.get(leader.id) as Kv).kv]);
    expect(again.members()).to.deep.equal(leader.members());
  });

  it('skips what is no entry of it on every member alike, with a warning', async () => {
    const leader = await members.leader();
    for (const written of ['no json', '[]', 'null', '{"op":1}', '\u00ff']) {
      garbage = written;
      const asked = leader.propose({ op: 'put', key: 'x' });
      const error: unknown = await members.time.settled(asked.catch((caught: unknown) => caught));
      expect(error).to.have.property('code', 'ERR_RAFT_COMMAND_FAILED');
    }
    garbage = undefined;
    await members.time.settled(leader.propose({ op: 'put', key: 'k', value: 'v' }));
    await members.time.advance(100);
    for (const id of members.ids) {
      expect(machines.get(id)?.kv.get('k')?.[0]).to.equal('v');
      const skipped = (warnings.get(id) ?? []).filter((line) => line.includes('skipped the entry at index'));
      expect(skipped, `of member ${id}`).to.have.length(5);
    }
  });

  it('says by a code that it has no sessions', async () => {
    const leader = await members.leader();
    const error: unknown = await members.time.settled(leader.openSession().catch((caught: unknown) => caught));
    expect(error).to.have.property('code', 'ERR_RAFT_ENTRY_FORMAT');
    expect(error).not.to.be.instanceOf(ProposalUnknown);
  });
});
