import { expect } from 'chai';

import { faultOf, type Output } from './shown-output.js';

const of = (shown: string, printed: string, words: Omit<Output, 'shown'> = {}): string | undefined =>
  faultOf(printed, { shown, ...words });

describe('the output that a document shows', () => {
  it('is that of the program to the letter', () => {
    expect(of('one (1)\ntwo', 'one (1)\ntwo\n')).to.equal(undefined);
    expect(of('one\ntwo', 'one\ntoo\n')).to.contain('is not what is printed');
    expect(of('one', 'one\ntwo\n')).to.contain('is not what is printed');
    expect(of('one\ntwo', 'one\n')).to.contain('is not what is printed');
    expect(of('a.c', 'abc\n')).to.contain('is not what is printed');
  });

  it('leaves out lines at an …', () => {
    expect(of('one\n…\ntwo', 'one\nthree\nfour\ntwo\n')).to.equal(undefined);
    expect(of('one\n…\ntwo', 'one\ntwo\n')).to.equal(undefined);
    expect(of('one\n…\ntwo', 'one\nthree\n')).to.contain('is not what is printed');
  });

  it('leaves out a part of a line at an … in it', () => {
    expect(of('the log in …/1 is', 'the log in /tmp/guide/1 is\n')).to.equal(undefined);
    expect(of('the log in …/1 is', 'the log in /tmp\n/1 is\n')).to.contain('is not what is printed');
  });

  it('may have other numbers after the words that vary, and only there', () => {
    const shown = 'Member 1 leads term 2 { index: 5, n: 7 }, since 1.5 s';
    const words = { ids: ['member'], varying: ['term', 'index', 'since'] };
    expect(of(shown, 'Member 3 leads term 9 { index: 88, n: 7 }, since 12 s\n', words)).to.equal(undefined);
    expect(of(shown, 'Member 3 leads term 9 { index: 88, n: 8 }, since 12 s\n', words)).to.contain('is not what');
    expect(of(shown, 'Member 3 leads term 2 { index: 5, n: 7 }, since 1.5 s\n')).to.contain('is not what');
  });

  it('shows who is the same and who is not', () => {
    const shown = 'Member 1 leads, member 2 follows member 1';
    const words = { ids: ['member'] };
    expect(of(shown, 'Member 2 leads, member 1 follows member 2\n', words)).to.equal(undefined);
    expect(of(shown, 'Member 2 leads, member 1 follows member 3\n', words)).to.contain('is 2 at first, and then 3');
    expect(of(shown, 'Member 2 leads, member 2 follows member 2\n', words)).to.contain('is 1 at first, and then 2');
  });
});
