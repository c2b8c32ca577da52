import {
  type AnyConfChange,
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  confChangesFromString,
  confChangesToString,
  decodeConfChangeEntry,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  isConfChangeEntry,
} from '@raft-ts/raft';
import { asV2, entersJoint, isV2, leavesJoint, marshalConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { expectRefusal } from '../log/fixtures.js';

const { ConfChangeTransitionAuto, ConfChangeTransitionJointImplicit, ConfChangeTransitionJointExplicit } =
  ConfChangeTransition;
const { ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeUpdateNode, ConfChangeAddLearnerNode } = ConfChangeType;
const utf8 = new TextEncoder();
const add0 = { type: ConfChangeAddNode, nodeId: 0n };
const remove0 = { type: ConfChangeRemoveNode, nodeId: 0n };

function v2(fields: Partial<ConfChangeV2>): ConfChangeV2 {
  return { transition: ConfChangeTransitionAuto, changes: [], context: undefined, ...fields };
}

describe('PC-001 TestLeaveJoint: an empty change with automatic transition leaves a joint configuration', () => {
  const rows: [name: string, cc: ConfChangeV2, leaves: boolean][] = [
    ['nothing at all', decodeConfChangeV2(new Uint8Array(0)), true],
    ['automatic', v2({}), true],
    ['automatic with a context', v2({ context: utf8.encode('some context') }), true],
    ['automatic with an empty list', v2({ changes: [] }), true],
    ['automatic with a change', v2({ changes: [add0] }), false],
    ['joint implicit', v2({ transition: ConfChangeTransitionJointImplicit }), false],
    ['joint explicit', v2({ transition: ConfChangeTransitionJointExplicit }), false],
    ['automatic with two changes', v2({ changes: [add0, remove0] }), false],
  ];
  for (const [name, cc, leaves] of rows) {
    it(`${leaves ? 'leaves' : 'does not leave'}: ${name}`, () => {
      expect(leavesJoint(cc)).to.equal(leaves);
    });
  }

  it('looks at every field but the context: there are three', () => {
    expect(Object.keys(decodeConfChangeV2(new Uint8Array(0)))).to.have.members(['transition', 'changes', 'context']);
  });
});

describe('conf change: entering a joint configuration', () => {
  const rows: [transition: ConfChangeTransition, changes: number, joint: { autoLeave: boolean } | undefined][] = [
    [ConfChangeTransitionAuto, 0, undefined],
    [ConfChangeTransitionAuto, 1, undefined],
    [ConfChangeTransitionAuto, 2, { autoLeave: true }],
    [ConfChangeTransitionJointImplicit, 0, { autoLeave: true }],
    [ConfChangeTransitionJointImplicit, 1, { autoLeave: true }],
    [ConfChangeTransitionJointExplicit, 0, { autoLeave: false }],
    [ConfChangeTransitionJointExplicit, 2, { autoLeave: false }],
  ];
  for (const [transition, changes, joint] of rows) {
    it(`is ${JSON.stringify(joint)} for transition ${transition} with ${changes} changes`, () => {
      expect(entersJoint(v2({ transition, changes: Array.from({ length: changes }, () => add0) }))).to.deep.equal(
        joint,
      );
    });
  }

  it('refuses a transition that it does not know', () => {
    const cc = v2({ transition: 7 as ConfChangeTransition });
    const refusal = expectRefusal(() => entersJoint(cc), 'ERR_RAFT_CONF_CHANGE_INVALID');
    expect(refusal.message).to.equal('unknown transition: 7');
    expect(leavesJoint(cc)).to.equal(false);
  });
});

describe('conf change: its two forms', () => {
  const context = utf8.encode('where');
  const v1: ConfChange = { id: 7n, type: ConfChangeAddLearnerNode, nodeId: 3n, context };

  it('the first is one change of the second', () => {
    expect(isV2(v1)).to.equal(false);
    const second = asV2(v1);
    expect(isV2(second)).to.equal(true);
    expect(second).to.deep.equal(v2({ changes: [{ type: ConfChangeAddLearnerNode, nodeId: 3n }], context }));
    expect(asV2(second), 'the second is itself').to.equal(second);
  });

  it('go into entries of their own type, in the bytes of etcd', () => {
    const rows: [cc: AnyConfChange, type: EntryType, bytes: number[]][] = [
      [{ id: 0n, type: ConfChangeAddNode, nodeId: 2n, context: undefined }, EntryType.EntryConfChange, [16, 0, 24, 2]],
      [
        v2({ changes: [{ type: ConfChangeRemoveNode, nodeId: 2n }] }),
        EntryType.EntryConfChangeV2,
        [8, 0, 18, 4, 8, 1, 16, 2],
      ],
    ];
    for (const [cc, type, bytes] of rows) {
      const entry = { ...marshalConfChange(cc), term: 1, index: 1 };
      expect(entry.type).to.equal(type);
      expect([...entry.data]).to.deep.equal(bytes);
      expect(isConfChangeEntry(entry)).to.equal(true);
      expect(decodeConfChangeEntry(entry)).to.deep.equal(cc);
    }
  });

  it('read as nothing where the entry has no data', () => {
    const entry = (type: EntryType | undefined): Entry => ({ type, term: 1, index: 1, data: undefined });
    expect(decodeConfChangeEntry(entry(EntryType.EntryConfChange))).to.deep.equal({
      id: 0n,
      type: ConfChangeAddNode,
      nodeId: 0n,
      context: undefined,
    });
    expect(decodeConfChangeEntry(entry(EntryType.EntryConfChangeV2))).to.deep.equal(v2({}));
    expect(isConfChangeEntry(entry(EntryType.EntryConfChange))).to.equal(true);
    expect(isConfChangeEntry(entry(EntryType.EntryNormal))).to.equal(false);
    expect(isConfChangeEntry(entry(undefined))).to.equal(false);
  });
});

describe('conf change: the short form', () => {
  it('names changes by a letter and a decimal id', () => {
    const changes = confChangesFromString('v1 l2 r3 u18446744073709551615');
    expect(changes).to.deep.equal([
      { type: ConfChangeAddNode, nodeId: 1n },
      { type: ConfChangeAddLearnerNode, nodeId: 2n },
      { type: ConfChangeRemoveNode, nodeId: 3n },
      { type: ConfChangeUpdateNode, nodeId: 18446744073709551615n },
    ]);
    expect(confChangesToString(changes)).to.equal('v1 l2 r3 u18446744073709551615');
    expect(confChangesToString([])).to.equal('');
    expect(confChangesToString([{ type: 9 as ConfChangeType, nodeId: 4n }])).to.equal('unknown4');
  });

  for (const text of ['', '   ', '\t\n\u0085\u3000', ' v1 ', '\n\u00a0v1\u2028']) {
    it(`does not count what surrounds it: ${JSON.stringify(text)}`, () => {
      expect(confChangesFromString(text)).to.deep.equal(
        text.includes('v') ? [{ type: ConfChangeAddNode, nodeId: 1n }] : [],
      );
    });
  }

  const malformed: [text: string, message: string][] = [
    ['v', 'unknown token v'],
    ['v1  v2', 'unknown token '],
    ['x1', 'unknown input: x1'],
    // Two bytes are long enough, as Go counts.
    ['é', 'unknown input: é'],
    ['\ufeffv1', 'unknown input: \\ufeffv1'],
    ['vx', 'strconv.ParseUint: parsing "x": invalid syntax'],
    ['v-1', 'strconv.ParseUint: parsing "-1": invalid syntax'],
    ['v+1', 'strconv.ParseUint: parsing "+1": invalid syntax'],
    ['v0x1', 'strconv.ParseUint: parsing "0x1": invalid syntax'],
    ['v1_0', 'strconv.ParseUint: parsing "1_0": invalid syntax'],
    ['v1\tv2', 'strconv.ParseUint: parsing "1\\tv2": invalid syntax'],
    ['v18446744073709551616', 'strconv.ParseUint: parsing "18446744073709551616": value out of range'],
  ];
  for (const [text, message] of malformed) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const refusal = expectRefusal(() => confChangesFromString(text), 'ERR_RAFT_CONF_CHANGE_SYNTAX');
      expect(refusal.message).to.equal(message);
    });
  }
});
