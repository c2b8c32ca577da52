import { createContext, runInContext } from 'node:vm';
import { hasCode } from '@raft-ts/proto/internal';
import { ERR_MESSAGE_INVALID, RaftError } from '@raft-ts/raft';
import {
  ERR_LISTEN,
  ERR_PEER_URL,
  ERR_SNAPSHOT_BODY,
  ERR_TLS,
  ERR_TRANSPORT_OPTIONS,
  HttpTransport,
  SnapshotFolder,
} from '@raft-ts/rafthttp';
import { describeErrorInLine, isInvalidMessage } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { newTransport, Recorder, scratchFolder, stopAll } from './members.js';

/** What another realm, as that of a test runner, throws: an instance of no class that is known here. */
const foreign: unknown = runInContext(
  `Object.assign(new Error('from elsewhere'), { code: '${ERR_MESSAGE_INVALID}' })`,
  createContext({}),
);

describe('rafthttp: errors', () => {
  afterEach(stopAll);

  it('an error in an answer is one line of 200 characters at most', () => {
    expect(describeErrorInLine(new Error('a\r\n\r\nb\tc'))).to.equal('a b c');
    expect(describeErrorInLine({ message: 'x'.repeat(1000) })).to.have.length(200);
  });

  it('codes decide, not classes', () => {
    expect(isInvalidMessage(foreign)).to.equal(true);
    expect(isInvalidMessage({ code: ERR_MESSAGE_INVALID })).to.equal(true);
    expect(isInvalidMessage(new RaftError(ERR_LISTEN, 'x'))).to.equal(false);
    for (const nothing of [undefined, null, ERR_MESSAGE_INVALID, {}, new Error('x')]) {
      expect(hasCode(nothing, ERR_MESSAGE_INVALID)).to.equal(false);
    }
  });

  it('the codes that the package exports are those of its errors', async () => {
    const options = { id: 1n, clusterId: 1n, receiver: new Recorder() };
    const transport = newTransport(1n, new Recorder());
    const codeOf = async (act: () => unknown): Promise<unknown> => {
      try {
        await act();
        return undefined;
      } catch (error) {
        return (error as RaftError).code;
      }
    };
    const missing = { certFile: '/none/cert', keyFile: '/none/key', trustedCaFile: '/none/ca' };
    expect(await codeOf(() => new HttpTransport({ ...options, id: 0n }))).to.equal(ERR_TRANSPORT_OPTIONS);
    expect(await codeOf(() => new HttpTransport({ ...options, tls: missing }))).to.equal(ERR_TLS);
    expect(await codeOf(() => transport.addPeer(2n, ['ftp://a']))).to.equal(ERR_PEER_URL);
    expect(await codeOf(() => transport.serve({ path: '/x'.repeat(200) }))).to.equal(ERR_LISTEN);
    expect(await codeOf(() => new SnapshotFolder(scratchFolder()).open(4))).to.equal(ERR_SNAPSHOT_BODY);
  });
});
