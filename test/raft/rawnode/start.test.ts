import { MemoryStorage, RawNode, startNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { entry, newTestConfig } from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';

describe('the beginning of a cluster', () => {
  const peers = [{ id: 1n }, { id: 2n }];

  function used(): MemoryStorage {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1)]);
    return storage;
  }

  it('needs members', () => {
    const rawNode = new RawNode(newTestConfig(1n, new MemoryStorage()));
    expect(() => rawNode.bootstrap([]))
      .to.throw('must provide at least one peer to Bootstrap')
      .that.includes({ code: 'ERR_RAFT_BOOTSTRAP' });
    expect(() => startNode(newTestConfig(1n, new MemoryStorage()), []))
      .to.throw('no peers given; use RestartNode instead')
      .that.includes({ name: 'RaftPanic', rule: 'peers-for-start' });
  });

  it('needs an empty log', () => {
    const rawNode = new RawNode(newTestConfig(1n, used()));
    expect(() => rawNode.bootstrap(peers))
      .to.throw("can't bootstrap a nonempty Storage")
      .that.includes({ code: 'ERR_RAFT_BOOTSTRAP' });
    expect(rawNode.raft.term).to.equal(0);
    expect(rawNode.raft.raftLog.lastIndex()).to.equal(1);
  });

  it('is skipped by startNode where the log is not empty, as etcd does, with a warning', async () => {
    const logger = new RecordingLogger();
    const node = startNode({ ...newTestConfig(1n, used()), logger }, peers);
    expect(logger.lines).to.include(
      "warn error occurred during starting a new node: can't bootstrap a nonempty Storage",
    );
    expect([...node.status().progress.keys()]).to.deep.equal([]);
    await node.stop();
  });

  it('is skipped by startNode without a logger too', async () => {
    const node = startNode(newTestConfig(1n, used()), peers);
    expect(node.status().hardState.commit).to.equal(0);
    await node.stop();
  });

  it('ends in startNode where storage fails', () => {
    const storage = new MemoryStorage();
    const logger = new RecordingLogger();
    logger.onLine = (line) => {
      if (!line.startsWith('info newRaft')) return;
      // From here on the member is built.
      storage.lastIndex = () => {
        throw new Error('disk on fire');
      };
    };
    expect(() => startNode({ ...newTestConfig(1n, storage), logger }, peers)).to.throw(Error, 'disk on fire');
    expect(logger.lines.filter((line) => line.startsWith('warn'))).to.deep.equal([]);
  });
});
