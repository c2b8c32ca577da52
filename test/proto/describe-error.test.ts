import { createContext, runInContext } from 'node:vm';
import { describeError } from '@raft-ts/proto/internal';
import { expect } from 'chai';

/** What another realm, such as that of a test runner, throws: an instance of no class that is known here. */
const foreign: unknown = runInContext("new Error('from elsewhere')", createContext({}));

describe('describeError shows an error by', () => {
  const cases: readonly (readonly [title: string, error: unknown, text: string])[] = [
    ['its message', new Error('the disk is full'), 'the disk is full'],
    ['its message, of whatever realm it is', foreign, 'from elsewhere'],
    ['its code, if it has no message', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    ['its name, if it has neither', new TypeError(), 'TypeError'],
    ['itself, if a string was thrown', 'no', 'no'],
    ['itself, if nothing was thrown', undefined, 'undefined'],
    ['its message, if that is no string', { message: 7 }, '7'],
  ];
  for (const [title, error, text] of cases) {
    it(title, () => {
      expect(describeError(error)).to.equal(text);
    });
  }
});
