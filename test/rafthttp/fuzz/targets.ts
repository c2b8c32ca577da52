import { isDeepStrictEqual } from 'node:util';
import { decodeMessage, encodeMessage, type Message, MessageType, newMessage, RaftError } from '@raft-ts/proto';
import { silentLogger } from '@raft-ts/raft';
import {
  dialTarget,
  EnvelopeDecoder,
  encodeEnvelope,
  Gateway,
  isCompatible,
  isLinkHeartbeat,
  judgeAnswer,
  MessageDecoder,
  MessageEncoder,
  MsgAppDecoder,
  MsgAppEncoder,
  OTHER_INCARNATION,
  parseId,
  parsePeerUrls,
  parseProbe,
  parseRevocationLists,
  type StreamDecoder,
  type StreamEncoder,
  WriteBuffer,
} from '@raft-ts/rafthttp/internal';
import { Recorder } from '../members.js';
import { show } from '../vectors.js';

/** A whole number drawn evenly from [0, n). */
export type Random = (n: number) => number;

export type TargetName = 'message' | 'msgapp' | 'envelope' | 'post' | 'crl' | 'head' | 'urls' | 'probe' | 'answer';

/** Tries one input, and throws where what comes of it breaks a promise. */
export type Target = (input: Uint8Array, random: Random) => void;

/** Longest message that the decoders take here, in bytes. */
const LONGEST = 4096;

/** What is left of memory that a target may not take for inputs this short, in bytes. */
const MAX_GROWTH = 64 * 1024 * 1024;

/** What a stream brought, and how it ended. */
interface Outcome {
  readonly messages: readonly Message[];
  /** The code of the error that ended it, with its reason. */
  readonly error: string | undefined;
}

interface StreamCodec {
  newDecoder(): StreamDecoder;
  newEncoder(): StreamEncoder;
  /** Would a member put this message on such a stream? What it would not need not survive being written again. */
  carries(message: Message): boolean;
}

function streamTarget({ newDecoder, newEncoder, carries }: StreamCodec): Target {
  return (input, random) => {
    const whole = drain(newDecoder(), [input]);
    const cut = drain(newDecoder(), pieces(input, random));
    same('cut into pieces', cut, whole);
    const kept = whole.messages.filter((message) => isLinkHeartbeat(message) || carries(message));
    const carried = kept.map((message) =>
      show(isLinkHeartbeat(message) ? newMessage(MessageType.MsgHeartbeat, 0n) : message),
    );
    const encoder = newEncoder();
    const out = new WriteBuffer();
    for (const message of kept) {
      // A heartbeat of nobody keeps a stream alive, whatever else it says.
      if (isLinkHeartbeat(message)) encoder.encodeHeartbeat(out);
      else encoder.encode(message, out);
    }
    const again = drain(newDecoder(), [Buffer.concat(out.pieces())]);
    same('written and read again', again.messages.map(show), carried);
    same('written and read again, to its end', again.error, undefined);
  };
}

function drain(decoder: StreamDecoder, chunks: readonly Uint8Array[]): Outcome {
  const messages: Message[] = [];
  const error = expectRaftError(() => {
    for (const chunk of chunks) for (const message of decoder.push(chunk)) messages.push(message);
    decoder.end();
  });
  return { messages, error };
}

/** The error that this throws: only the kinds that callers are told of may come. */
function expectRaftError(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return `${error.code} ${error.reason}`;
  }
}

/** A copy in random pieces, each in memory of its own, that is overwritten afterwards by nobody. */
function pieces(input: Uint8Array, random: Random): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const length = 1 + random(Math.min(input.length, 20));
    parts.push(input.slice(at, at + length));
    at += length;
  }
  return parts;
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what}: ${text(actual)} where ${text(expected)} belongs`);
  }
}

function text(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))?.slice(0, 400) ??
    'nothing'
  );
}

const gateway = new Gateway(1n, new Recorder(), silentLogger);

/** What the gateway lets through must be for this member, from another one, and must survive being written again. */
function checkMessage(message: Message): void {
  same('written and read again', show(decodeMessage(encodeMessage(message))), show(message));
  if (gateway.refusal(message, 2n) === undefined && message.to !== 1n) throw new Error('a message for another member');
}

/** An append of the stream's writer that says no more than appends do. */
function isPlainAppend(message: Message): boolean {
  const { type, from, to, reject, rejectHint, context, vote, snapshot, responses, term, logTerm } = message;
  return (
    type === MessageType.MsgApp &&
    from === 2n &&
    to === 1n &&
    !reject &&
    rejectHint === 0 &&
    context === undefined &&
    vote === 0n &&
    snapshot === undefined &&
    responses.length === 0 &&
    term === logTerm
  );
}

/** What is dialled must be the member's own address, whatever its URL says beside it. */
function checkDialled(url: string): void {
  const { url: dialled, socketPath } = dialTarget(url, '/raft');
  const { protocol, username, password, hostname, pathname, search, hash } = new URL(dialled);
  same('what is dialled', [username, password, pathname, search, hash], ['', '', '/raft', '', '']);
  const scheme = socketPath === undefined ? url.slice(0, url.indexOf(':') + 1).toLowerCase() : 'http:';
  same('the scheme', protocol, scheme);
  if (hostname === '' || socketPath === '') throw new Error(`nobody is dialled for ${url}`);
}

export const targets: Readonly<Record<TargetName, Target>> = {
  message: streamTarget({
    newDecoder: () => new MessageDecoder(LONGEST),
    newEncoder: () => new MessageEncoder(),
    carries: () => true,
  }),
  msgapp: streamTarget({
    newDecoder: () => new MsgAppDecoder(2n, 1n, LONGEST),
    newEncoder: () => new MsgAppEncoder(),
    carries: isPlainAppend,
  }),
  envelope: (input, random) => {
    const read = (chunks: readonly Uint8Array[]): unknown => {
      const decoder = new EnvelopeDecoder(LONGEST);
      let taken = 0;
      let found: unknown;
      const error = expectRaftError(() => {
        for (const chunk of chunks) {
          taken += chunk.length;
          const done = decoder.push(chunk);
          if (done === undefined) continue;
          checkMessage(done.message);
          found = { message: show(done.message), length: taken - done.rest.length };
          const again = new EnvelopeDecoder().push(encodeEnvelope(done.message));
          same('written and read again', show(again?.message as Message), show(done.message));
          return;
        }
        decoder.end();
      });
      return { found, error };
    };
    same('cut into pieces', read(pieces(input, random)), read([input]));
  },
  post: (input) => {
    let message: Message | undefined;
    expectRaftError(() => {
      message = decodeMessage(input);
    });
    if (message !== undefined) checkMessage(message);
  },
  crl: (input) => {
    expectRaftError(() => {
      for (const { serial } of parseRevocationLists(input)) {
        if (!/^[0-9a-f]*$/u.test(serial)) throw new Error(`a serial number that is none: ${serial}`);
      }
    });
  },
  head: (input) => {
    const words = Buffer.from(input).toString('latin1').split('\n');
    for (const word of words) {
      const id = parseId(word);
      if (id !== undefined && (id < 0n || id >= 2n ** 64n)) throw new Error(`an id that is none: ${id}`);
      isCompatible(word, words[0]);
    }
  },
  urls: (input) => {
    expectRaftError(() => {
      // As the header X-PeerURLs lists them.
      const urls = parsePeerUrls(Buffer.from(input).toString('latin1').split(','));
      same('parsed again', parsePeerUrls(urls), urls);
      for (const url of urls) checkDialled(url);
    });
  },
  probe: (input) => {
    const read = (text: string): number | undefined => {
      try {
        return parseProbe(text);
      } catch (error) {
        if (error instanceof Error) return undefined;
        throw error;
      }
    };
    const now = read(Buffer.from(input).toString('utf8'));
    if (now !== undefined && !Number.isFinite(now)) throw new Error(`a time that is none: ${now}`);
    if (now !== undefined)
      same('written again', read(JSON.stringify({ OK: true, Now: new Date(now).toISOString() })), now);
  },
  answer: (input) => {
    const status = 100 + (((input[0] ?? 0) * 256 + (input[1] ?? 0)) % 500);
    const said = Buffer.from(input.subarray(2)).toString('utf8');
    for (const method of ['GET', 'POST'] as const) {
      if (judgeAnswer(method, status, said, false).removal !== undefined)
        throw new Error('removed by who is no member');
      const { message, removal } = judgeAnswer(method, status, said, true);
      const out = status === (method === 'GET' ? 410 : 403);
      if (removal === 'removed' && !out) throw new Error(`removed by ${method} ${status}`);
      if (removal === 'incarnation' && said !== OTHER_INCARNATION) throw new Error(`another incarnation by ${said}`);
      if (out && removal === undefined) throw new Error(`not removed by ${method} ${status}`);
      if (message === '' || message.length > said.length + 100) throw new Error(`a message of ${message.length}`);
    }
  },
};

/** Throws where trying these inputs has taken memory that nothing accounts for. */
export function checkMemory(before: number): void {
  const grown = process.memoryUsage().arrayBuffers - before;
  if (grown > MAX_GROWTH) throw new Error(`memory grew by ${grown} bytes`);
}
