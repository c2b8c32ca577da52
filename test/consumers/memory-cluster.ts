import { isConfChangeEntry, isEmptySnap, MemoryStorage, type Node, type NodeId, startNode } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';

const peers = [{ id: 1n }, { id: 2n }, { id: 3n }];

/**
 * A member as a program that uses only the core writes it, until its log holds `hello`. Returns the texts it applied.
 */
function member(id: NodeId, network: MemoryNetwork): { node: Node; applied: Promise<string[]> } {
  const storage = new MemoryStorage();
  const config = { id, electionTick: 10, heartbeatTick: 1, storage, maxSizePerMsg: 4096, maxInflightMsgs: 256 };
  const node = startNode(config, peers);
  const transport = network.connect(id, {
    process: (message, options) => node.step(message, options),
    isIdRemoved: () => false,
    reportUnreachable: (to) => node.reportUnreachable(to),
    reportSnapshot: (to, status) => node.reportSnapshot(to, status),
  });
  for (const peer of peers) if (peer.id !== id) transport.addPeer(peer.id, []);

  const loop = async (): Promise<string[]> => {
    const texts: string[] = [];
    for await (const rd of node.ready()) {
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      if (rd.snapshot !== undefined && !isEmptySnap(rd.snapshot)) storage.applySnapshot(rd.snapshot);
      storage.append(rd.entries);
      transport.send(rd.messages);
      for (const entry of rd.committedEntries) {
        if (isConfChangeEntry(entry)) node.applyConfChangeEntry(entry);
        else if (entry.data !== undefined && entry.data.length > 0) texts.push(new TextDecoder().decode(entry.data));
      }
      node.advance();
      if (texts.includes('hello')) return texts;
    }
    throw new Error(`member ${id} ended before it applied hello`);
  };
  return { node, applied: loop() };
}

/** Three members in one process: elect a leader, commit `hello`, and return what each member applied. */
export async function commitHello(): Promise<readonly (readonly string[])[]> {
  const network = new MemoryNetwork();
  const members = peers.map(({ id }) => member(id, network));
  const timer = setInterval(() => {
    for (const { node } of members) node.tick();
  }, 1);
  try {
    await members[1]?.node.propose(new TextEncoder().encode('hello'));
    return await Promise.all(members.map(({ applied }) => applied));
  } finally {
    clearInterval(timer);
    await Promise.all(members.map(({ node }) => node.stop()));
  }
}
