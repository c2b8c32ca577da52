import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Revocation, type RevocationLists } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { Authority } from './certificates.js';
import { scratchFolder } from './members.js';

describe('Revocation', () => {
  const lists = (isEmpty: boolean) => ({ isEmpty, revokes: () => false }) as unknown as RevocationLists;

  it('refuses what it cannot look up, but only if anything is revoked', () => {
    const unreadable = { raw: Buffer.from('no DER') } as X509Certificate;
    const none = { certificates: [], isAll: true };
    expect(new Revocation(lists(false), none).faultOf([unreadable], true)).to.equal('a certificate cannot be read');
    expect(new Revocation(lists(true), none).faultOf([unreadable], true)).to.equal(undefined);
  });

  it('refuses what was signed by a CA that is not to be seen, since that may be revoked', () => {
    const folder = scratchFolder();
    const root = new Authority(folder, 'root');
    const low = new Authority(folder, 'low', root);
    const read = (file: string): X509Certificate => new X509Certificate(readFileSync(file));
    const [top, ca, leaf] = [root.caFile, low.caFile, low.issue('leaf', { cn: '1' }).certFile].map(read) as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ];
    const revocation = new Revocation(lists(false), { certificates: [top], isAll: true });
    expect(revocation.faultOf([leaf], true)).to.match(/cannot be seen/u);
    // In any order, and beside others.
    expect(revocation.faultOf([leaf, top, ca], true)).to.equal(undefined);
    expect(revocation.faultOf([leaf, ca], true)).to.equal(undefined);
    // Where any certificate is accepted, and where more CAs are trusted than are known, that says nothing.
    expect(revocation.faultOf([leaf], false)).to.equal(undefined);
    expect(new Revocation(lists(false), { certificates: [top], isAll: false }).faultOf([leaf], true)).to.equal(
      undefined,
    );
    expect(new Revocation(lists(true), { certificates: [top], isAll: true }).faultOf([leaf], true)).to.equal(undefined);
  });
});
