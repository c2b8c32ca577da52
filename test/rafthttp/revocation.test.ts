import type { X509Certificate } from 'node:crypto';
import { Revocation, type RevocationLists } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

describe('Revocation', () => {
  const unreadable = { raw: Buffer.from('no DER') } as X509Certificate;

  it('refuses what it cannot look up, but only if anything is revoked', () => {
    const lists = (isEmpty: boolean) => ({ isEmpty, revokes: () => false }) as unknown as RevocationLists;
    expect(new Revocation(lists(false), []).faultOf([unreadable])).to.equal('a certificate cannot be read');
    expect(new Revocation(lists(true), []).faultOf([unreadable])).to.equal(undefined);
  });
});
