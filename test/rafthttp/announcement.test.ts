import { RaftError } from '@raft-ts/proto';
import { MAX_ANNOUNCEMENT_LENGTH } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { eventually, introduce, newTransport, Recorder, startMember, stopAll } from './members.js';

describe('announcements', () => {
  afterEach(stopAll);

  it('reach the other members, and Go members announce nothing', async () => {
    const a = await startMember(1n, { announcement: 'http://one:23791' });
    const b = await startMember(2n, { announcement: 'http://two:23791' });
    const go = await startMember(3n, { incarnation: false });
    for (const one of [a, b, go]) introduce(one, [a, b, go]);
    await eventually('both know each other', () => a.transport.announcementOf(2n) === 'http://two:23791');
    await eventually('both know each other', () => b.transport.announcementOf(1n) === 'http://one:23791');
    await eventually('the third one hears both', () => go.transport.announcementOf(2n) === 'http://two:23791');
    expect(a.transport.announcementOf(3n)).to.equal(undefined);
    expect(a.transport.announcementOf(9n)).to.equal(undefined);
    // What a member that is down has announced is kept: it will be there again.
    await b.transport.stop();
    expect(a.transport.announcementOf(2n)).to.equal('http://two:23791');
    a.transport.removePeer(2n);
    expect(a.transport.announcementOf(2n)).to.equal(undefined);
  });

  it('must be fit for a header', () => {
    for (const announcement of ['', 'two words', 'ü', 'a\r\nb', 'x'.repeat(MAX_ANNOUNCEMENT_LENGTH + 1)]) {
      expect(() => newTransport(1n, new Recorder(), { announcement })).to.throw(RaftError, 'announcement must be');
    }
  });
});
