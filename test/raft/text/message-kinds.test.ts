import { isLocalMessage, isResponseMessage } from '@raft-ts/proto';
import { type MessageName, MessageType } from '@raft-ts/raft';
import { expect } from 'chai';

const local: readonly MessageName[] = [
  'MsgHup',
  'MsgBeat',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
];

const responses: readonly MessageName[] = [
  'MsgAppResp',
  'MsgVoteResp',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgReadIndexResp',
  'MsgPreVoteResp',
  'MsgStorageAppendResp',
  'MsgStorageApplyResp',
];

const kinds = Object.entries(MessageType) as [MessageName, MessageType][];

describe('UT-003 TestIsLocalMsg: what a member tells itself and its storage must not come from the network', () => {
  for (const [name, type] of kinds) {
    it(`${name} is ${local.includes(name) ? '' : 'not '}local`, () => {
      expect(isLocalMessage(type)).to.equal(local.includes(name));
    });
  }

  it('asks about all 24 kinds, and takes no unknown one for local', () => {
    expect(kinds).to.have.length(24);
    expect(isLocalMessage(99 as MessageType)).to.equal(false);
  });
});

describe('UT-004 TestIsResponseMsg: answers count only from members that the configuration knows', () => {
  for (const [name, type] of kinds) {
    it(`${name} is ${responses.includes(name) ? 'an' : 'no'} answer`, () => {
      expect(isResponseMessage(type)).to.equal(responses.includes(name));
    });
  }

  it('asks about all 24 kinds, and takes no unknown one for an answer', () => {
    expect(kinds).to.have.length(24);
    expect(isResponseMessage(99 as MessageType)).to.equal(false);
  });
});
