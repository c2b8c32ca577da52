import { encodeEntry, encodeMessage, type Message, MessageType, newMessage } from '@raft-ts/proto';
import { encodeEnvelope, MessageEncoder, MsgAppEncoder, WriteBuffer } from '@raft-ts/rafthttp/internal';
import type { Random, TargetName } from './targets.js';

/** Numbers at which codecs tend to break. */
const edges: readonly bigint[] = [
  0n,
  1n,
  127n,
  128n,
  255n,
  256n,
  65_535n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
];

const LONGEST = 4096;

type Mutation = (input: Buffer, random: Random, other: Buffer) => Buffer;

const splice = (input: Buffer, at: number, gone: number, ...put: readonly Uint8Array[]): Buffer =>
  Buffer.concat([input.subarray(0, at), ...put, input.subarray(at + gone)]);

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A varint; `overlong` more bytes than it needs. */
function varint(value: bigint, overlong = 0): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  for (let i = 0; i < overlong; i++) {
    bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

function edge(random: Random): bigint {
  const value = edges[random(edges.length)] as bigint;
  return random(3) === 0 ? BigInt(random(1000)) : value;
}

/** Changes of bytes, and of the numbers and fields that such inputs are made of. */
const mutations: readonly Mutation[] = [
  // A bit, a byte, a run.
  (input, random) => {
    const at = random(input.length);
    const changed = Buffer.from(input);
    changed[at] = (changed[at] as number) ^ (1 << random(8));
    return changed;
  },
  (input, random) => splice(input, random(input.length), 1, Buffer.of(random(256))),
  (input, random) => splice(input, random(input.length), 1 + random(8)),
  (input, random) => splice(input, random(input.length), 0, Buffer.of(random(256))),
  (input, random) => input.subarray(0, random(input.length)),
  (input, random) => {
    const at = random(input.length);
    const length = 1 + random(Math.min(64, input.length - at));
    return splice(input, random(input.length), 0, input.subarray(at, at + length));
  },
  // A length or a position of eight bytes.
  (input, random) => splice(input, random(input.length), 8, u64(edge(random))),
  (input, random) => splice(input, random(input.length), 0, u64(edge(random))),
  // A varint in the place of what may have been one, at times longer than it must be.
  (input, random) => splice(input, random(input.length), 1, varint(edge(random), random(4) === 0 ? random(10) : 0)),
  // A field of protobuf, of any number and wire type.
  (input, random) => {
    const number = random(4) === 0 ? edge(random) : BigInt(random(16));
    const tag = varint(((number << 3n) | BigInt(random(8))) & (2n ** 64n - 1n));
    const body =
      random(2) === 0 ? varint(edge(random)) : Buffer.concat([varint(BigInt(random(20))), Buffer.alloc(random(20))]);
    return splice(input, random(input.length), 0, tag, body);
  },
  // A length of DER.
  (input, random) => splice(input, random(input.length), 1, Buffer.of(0x80 + random(6), random(256), random(256))),
  // Half of this and half of another.
  (input, random, other) =>
    Buffer.concat([input.subarray(0, random(input.length)), other.subarray(random(other.length))]),
  (input, _, other) => Buffer.concat([input, other]),
];

/** A variation of one of these inputs: one to eight changes. */
export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  let input = corpus[random(corpus.length)] as Buffer;
  const other = corpus[random(corpus.length)] as Buffer;
  for (let rounds = 1 + random(8); rounds > 0 && input.length > 0; rounds--) {
    input = (mutations[random(mutations.length)] as Mutation)(input, random, other);
  }
  return input.subarray(0, LONGEST);
}

const types = Object.values(MessageType);

function bytes(random: Random): Uint8Array | undefined {
  return random(4) === 0 ? undefined : Uint8Array.from({ length: random(20) }, () => random(256));
}

/** A position: mostly small, at times at the end of what a number can say. */
function position(random: Random): number {
  return random(8) === 0 ? 2 ** 53 - 1 - random(3) : random(1000);
}

function randomMessage(random: Random): Message {
  const message = newMessage(types[random(types.length)] as MessageType, BigInt(random(3)));
  message.from = random(8) === 0 ? 2n ** 64n - 1n : BigInt(random(4));
  message.term = position(random);
  message.logTerm = position(random);
  message.index = position(random);
  message.commit = position(random);
  message.reject = random(2) === 0;
  message.rejectHint = position(random);
  message.context = bytes(random);
  message.entries = Array.from({ length: random(4) }, (_, i) => ({
    type: undefined,
    term: message.term,
    index: message.index + i + 1 <= 2 ** 53 - 1 ? message.index + i + 1 : 1,
    data: bytes(random),
  }));
  if (random(3) > 0) return message;
  const confState = {
    voters: Array.from({ length: random(4) }, (_, i) => BigInt(i + 1)),
    learners: random(3) === 0 ? [9n] : [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: random(2) === 0,
  };
  message.snapshot = { data: bytes(random), metadata: { confState, index: position(random), term: position(random) } };
  return message;
}

/** A few appends that go on from each other, as a stream carries them. */
function appends(random: Random): Message[] {
  const term = 1 + random(3);
  let index = random(10);
  return Array.from({ length: 1 + random(5) }, () => {
    const message = newMessage(MessageType.MsgApp, 1n);
    message.from = 2n;
    message.term = term;
    message.logTerm = term;
    message.index = index;
    message.commit = position(random);
    message.entries = Array.from({ length: random(4) }, () => ({
      type: undefined,
      term,
      index: ++index,
      data: bytes(random),
    }));
    return message;
  });
}

const urlWords =
  'http:// https:// unix:// HTTP:// / // : :80 :2380 :65536 :0 , @ ? # [ ] [::1] [::ffff:1.2.3.4] [1:2:3] %41 %2f \\ 127.0.0.1 1.2 0x7f . .. - _ a xn--a member-2 localhost é \t'.split(
    ' ',
  );
const probeWords =
  '{ } [ ] , : "OK" "Now" "OK":true "OK":false "Now": {"OK":true,"Now":" "} 2026-01-02 T 03:04:05 .1 .123456789 Z +02:00 +24:00 -271821-04-20T00:00:00Z +275760-09-13 24:00:00 13 null 1e999 " \\u0000'.split(
    ' ',
  );

function ofWords(words: readonly string[], random: Random): Buffer {
  return Buffer.from(Array.from({ length: 1 + random(8) }, () => words[random(words.length)]).join(''));
}

/** A new input of the form that a target reads: what mutations alone would hardly come upon. */
export function generate(name: TargetName, random: Random): Buffer | undefined {
  switch (name) {
    case 'message': {
      const out = new WriteBuffer();
      const encoder = new MessageEncoder();
      for (let i = random(5); i >= 0; i--) encoder.encode(randomMessage(random), out);
      return Buffer.concat(out.pieces());
    }
    case 'msgapp': {
      const out = new WriteBuffer();
      const encoder = new MsgAppEncoder();
      for (const message of appends(random)) encoder.encode(message, out);
      if (random(2) === 0) encoder.encodeHeartbeat(out);
      return Buffer.concat(out.pieces());
    }
    case 'envelope':
      return Buffer.concat([encodeEnvelope(randomMessage(random)), Buffer.alloc(random(50))]);
    case 'post':
      return Buffer.from(
        random(20) === 0
          ? encodeEntry({ type: 0, term: 1, index: 1, data: bytes(random) })
          : encodeMessage(randomMessage(random)),
      );
    case 'urls':
      return ofWords(urlWords, random);
    case 'probe':
      return ofWords(probeWords, random);
    default:
      return undefined;
  }
}
