import { adminOf, HttpError } from '@raft-ts/raftexample/internal';
import { MembershipError } from '@raft-ts/replica';
import { expect } from 'chai';
import { turn } from '../helpers/waiting.js';

describe('the store: how it changes its cluster', () => {
  it('a member that is asked for again is promoted once', async () => {
    const promotions: (() => void)[] = [];
    const replica = {
      applied: { index: 7 },
      addMember: (_member: object, options?: { readonly role?: string }) =>
        options?.role === 'learner' ? Promise.resolve() : new Promise<void>((resolve) => promotions.push(resolve)),
    };
    const told: string[] = [];
    const admin = adminOf(replica as never, 1000, (text) => void told.push(text), 'http');
    for (let i = 0; i < 3; i++) expect(await admin.addMember(4n, 'http://h:4', false, undefined)).to.equal(7);
    expect(promotions).to.have.length(1);
    promotions[0]?.();
    await turn();
    expect(told).to.deep.equal(['member 4 has caught up, and votes']);
    await admin.addMember(4n, 'http://h:4', false, undefined);
    expect(promotions, 'and again once that is over').to.have.length(2);
  });

  it('a replacement that is asked for again is the one that is under way', async () => {
    const asked: { progress: () => void; done: () => void }[] = [];
    const replica = {
      applied: { index: 7 },
      replaceMember: (_old: bigint, _member: object, { onProgress }: { readonly onProgress: () => void }) =>
        new Promise<void>((resolve) => asked.push({ progress: onProgress, done: resolve })),
    };
    const told: string[] = [];
    const admin = adminOf(replica as never, 1000, (text) => void told.push(text), 'http');
    const replace = (old: bigint): Promise<number> => admin.addMember(4n, 'http://h:4', false, old);
    const both = [replace(1n), replace(1n)];
    expect(asked).to.have.length(1);
    const other: unknown = await replace(2n).catch((error: unknown) => error);
    expect(other).to.include({ code: 'ERR_KV_CONFLICT', reason: 'replacing' });
    asked[0]?.progress();
    expect(await Promise.all([...both, replace(1n)])).to.deep.equal([7, 7, 7]);
    expect(asked).to.have.length(1);
    asked[0]?.done();
    await turn();
    expect(told).to.deep.equal(['member 4 has caught up, and votes in the place of member 1']);
    void replace(1n);
    expect(asked, 'and again once that is over').to.have.length(2);
    asked[1]?.progress();
  });

  for (const [mayStillHappen, code] of [
    [false, 'ERR_KV_NOT_READY'],
    [true, 'ERR_KV_UNKNOWN'],
  ] as const) {
    it(`a change that ${mayStillHappen ? 'may still happen' : 'did not happen'} is told as ${code}`, async () => {
      const error = new MembershipError('no-leader', 'no leader is known', { mayStillHappen });
      const replica = { removeMember: () => Promise.reject(error) };
      const admin = adminOf(replica as never, 1000, () => {}, 'http');
      let caught: unknown;
      await admin.removeMember(2n).catch((refused: unknown) => (caught = refused));
      expect(caught).to.be.instanceOf(HttpError);
      expect((caught as HttpError).code).to.equal(code);
    });
  }
});
