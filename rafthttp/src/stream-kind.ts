import type { NodeId } from '@raft-ts/proto';
import { MessageDecoder, MessageEncoder } from './codec/message-codec.js';
import { MsgAppDecoder, MsgAppEncoder } from './codec/msgapp-codec.js';
import type { StreamDecoder, StreamEncoder } from './codec/stream-codec.js';
import type { Failure } from './peer-status.js';

/** The two streams between a pair of members: appends have one of their own, with a denser form. */
export type StreamKind = 'msgapp' | 'message';

export interface StreamRow {
  /** The element of the path that names it. */
  readonly kind: StreamKind;
  /** etcd's name for it in log lines. */
  readonly source: Failure['source'];
  encoder(): StreamEncoder;
  decoder(from: NodeId, to: NodeId): StreamDecoder;
}

export const streams: Readonly<Record<StreamKind, StreamRow>> = {
  msgapp: {
    kind: 'msgapp',
    source: 'stream MsgApp v2',
    encoder: () => new MsgAppEncoder(),
    decoder: (from, to) => new MsgAppDecoder(from, to),
  },
  message: {
    kind: 'message',
    source: 'stream Message',
    encoder: () => new MessageEncoder(),
    decoder: () => new MessageDecoder(),
  },
};

export function isStreamKind(text: string): text is StreamKind {
  return Object.hasOwn(streams, text);
}
