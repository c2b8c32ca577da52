import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { HttpTransport } from '@raft-ts/rafthttp';
import { transportContract } from './transport.js';

transportContract('MemoryNetwork', () => {
  const network = new MemoryNetwork();
  return {
    nowhere: [],
    start: (id, receiver) => Promise.resolve({ transport: network.connect(id, receiver), urls: [] }),
  };
});

transportContract('HttpTransport', () => ({
  nowhere: ['http://127.0.0.1:1'],
  start: async (id, receiver) => {
    const transport = new HttpTransport({ id, clusterId: 0x1000n, receiver });
    const { url } = await transport.serve({ host: '127.0.0.1', port: 0 });
    return { transport, urls: [url] };
  },
}));
