import { silentLogger } from '@raft-ts/raft';
import { Replica } from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';

describe('replica: options that make no sense are refused by name', () => {
  const start = (more: object): Promise<unknown> =>
    Replica.start({
      id: 1n,
      log: new MemoryLog(),
      stateMachine: new Counter(),
      logger: silentLogger,
      bootstrap: { peers: [{ id: 1n, url: 'memory:1' }] },
      transport: () => ({ send() {}, addPeer() {}, updatePeer() {}, removePeer() {}, stop: () => Promise.resolve() }),
      ...more,
    });

  const peer = (id: unknown, url: unknown = `memory:${String(id)}`): object => ({ id, url });

  for (const [more, says] of [
    [{ bootstrap: [peer(1n)] }, 'bootstrap: it must be an object with a list: { peers: [{ id: 1n, url: … }, …] }'],
    [{ bootstrap: { peers: [peer(1)] } }, 'bootstrap: peers[0].id must be a bigint above 0, such as 1n'],
    [{ bootstrap: { peers: [peer(1n), peer('2')] } }, 'bootstrap: peers[1].id must be a bigint above 0, such as 1n'],
    [{ bootstrap: { peers: [peer(1n, 7)] } }, 'bootstrap: peers[0].url must be a string'],
    [{ bootstrap: { peers: [peer(1n), peer(1n, 'b')] } }, 'bootstrap: its peers name member 1 twice'],
    [{ bootstrap: { peers: [peer(1n, 'a'), peer(2n, 'a')] } }, 'bootstrap: two of its peers have the address a'],
    [{ bootstrap: { peers: [peer(2n)] } }, 'bootstrap: its peers must contain this member, 1'],
    [{ applyErrors: 'return' }, "applyErrors: it must be 'stop' or 'result'"],
    [{ transport: () => undefined }, 'transport: what the function built has no function send'],
  ] as const) {
    it(says, async () => {
      const error = await start(more).then(
        () => ({ code: 'none', message: 'it was not refused' }),
        (reason: unknown) => reason as { readonly code: string; readonly message: string },
      );
      expect([error.code, error.message]).to.deep.equal(['ERR_RAFT_REPLICA_OPTIONS', says]);
    });
  }
});
