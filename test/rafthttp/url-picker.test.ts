import { parsePeerUrls, UrlPicker } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

describe('UrlPicker', () => {
  const urls = ['http://b:2', 'http://a:1', 'http://c:3'];

  it('stays with the current URL, and moves once for failures at the same one', () => {
    const picker = new UrlPicker(urls);
    expect(picker.pick()).to.equal('http://a:1');
    picker.unreachable('http://b:2');
    expect(picker.pick()).to.equal('http://a:1');
    picker.unreachable('http://a:1');
    picker.unreachable('http://a:1');
    expect(picker.pick()).to.equal('http://b:2');
    picker.unreachable('http://b:2');
    picker.unreachable('http://c:3');
    expect(picker.pick()).to.equal('http://a:1');
  });

  it('begins anew after an update', () => {
    const picker = new UrlPicker(urls);
    picker.unreachable('http://a:1');
    picker.update(['http://y:1', 'http://x:1']);
    expect(picker.pick()).to.equal('http://x:1');
    expect(() => picker.update(['nothing'])).to.throw();
    expect(picker.pick()).to.equal('http://x:1');
  });

  it('knows IPv6 addresses, and a slash at the end', () => {
    expect(parsePeerUrls(['http://[::1]:80/'])).to.deep.equal(['http://[::1]:80']);
  });
});
