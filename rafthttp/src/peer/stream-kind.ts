import type { NodeId } from '@raft-ts/proto';
import { MAX_MESSAGE_BYTES } from '../base/limits.js';
import { MessageDecoder, MessageEncoder } from '../codec/message-codec.js';
import { MsgAppDecoder, MsgAppEncoder } from '../codec/msgapp-codec.js';
import type { Judge, StreamDecoder, StreamEncoder } from '../codec/stream-codec.js';
import type { Failure } from './status.js';

/** The two streams between a pair of members: appends have their own, in a denser format. */
export type StreamKind = 'msgapp' | 'message';

export interface StreamRow {
  /** Its name in the path of a request. */
  readonly kind: StreamKind;
  /** etcd's name for it in log lines. */
  readonly source: Failure['source'];
  encoder(): StreamEncoder;
  /** @param judge returns why a long message must not be decoded */
  decoder(from: NodeId, to: NodeId, judge?: Judge): StreamDecoder;
}

export const streams: Readonly<Record<StreamKind, StreamRow>> = {
  msgapp: {
    kind: 'msgapp',
    source: 'stream MsgApp v2',
    encoder: () => new MsgAppEncoder(),
    decoder: (from, to, judge) => new MsgAppDecoder(from, to, MAX_MESSAGE_BYTES, judge),
  },
  message: {
    kind: 'message',
    source: 'stream Message',
    encoder: () => new MessageEncoder(),
    decoder: (_from, _to, judge) => new MessageDecoder(MAX_MESSAGE_BYTES, judge),
  },
};

export function isStreamKind(text: string): text is StreamKind {
  return Object.hasOwn(streams, text);
}
