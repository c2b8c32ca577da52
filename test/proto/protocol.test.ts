import { type Message, type MessageName, messageName, protocol } from '@raft-ts/proto';
import { RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { readCorpus } from '../corpus/corpus.js';
import { playScript } from '../differential/script-run.js';
import { hup, Network, prop, read } from '../helpers/index.js';

/** One script in so many is played: each kind of message is then sent a dozen times at least. */
const EVERY = 20;

/** These are steps that a member takes by itself or that its application asks for: no Ready ever carries one. */
const neverSent: readonly MessageName[] = [
  'MsgHup',
  'MsgBeat',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgForgetLeader',
];

const names = Object.keys(protocol) as MessageName[];

/** What was sent: the fields that were not empty, by kind of message. */
const sent = new Map<string, Set<string>>();

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === false || value === 0 || value === 0n;
}

function note(message: Message): void {
  const name = messageName(message.type);
  const fields = sent.get(name) ?? new Set<string>();
  sent.set(name, fields);
  const { type: _type, to: _to, from: _from, ...rest } = message;
  for (const [field, value] of Object.entries(rest)) if (!isEmpty(value)) fields.add(field);
  for (const response of message.responses) note(response);
}

function playCorpus(): void {
  const { ready } = RawNode.prototype;
  RawNode.prototype.ready = function readyAndNote(this: RawNode): ReturnType<typeof ready> {
    const rd = ready.call(this);
    for (const message of rd.messages) note(message);
    return rd;
  };
  try {
    for (const [i, { script }] of readCorpus().entries()) if (i % EVERY === 0) playScript(script);
  } finally {
    RawNode.prototype.ready = ready;
  }
}

/** The scripts ask for no linearizable reads. */
function playReads(): void {
  const network = new Network(['fresh', 'fresh', 'fresh']);
  network.msgHook = (message) => {
    note(message);
    return true;
  };
  network.send(hup(1n));
  network.send(prop(1n, 'a'));
  network.send(read(2n, 'b'));
}

describe('the protocol on one page', () => {
  before(() => {
    playCorpus();
    playReads();
  });

  for (const name of names.filter((one) => !neverSent.includes(one))) {
    it(`${name} carries the fields that its row names, and no others`, () => {
      expect([...(sent.get(name) ?? [])].sort()).to.deep.equal([...protocol[name].fields].sort());
    });
  }

  it('has rows for messages that are never sent', () => {
    expect(names.filter((name) => !sent.has(name))).to.deep.equal(neverSent);
  });
});
