/** What tests and sibling packages use beside the public door. No promise is made about it. */
export { BodyReader } from './body.js';
export { ByteQueue } from './codec/byte-queue.js';
export { MessageDecoder, MessageEncoder } from './codec/message-codec.js';
export { MsgAppDecoder, MsgAppEncoder } from './codec/msgapp-codec.js';
export { isLinkHeartbeat, type StreamDecoder, type StreamEncoder } from './codec/stream-codec.js';
export { Gateway, Inbox } from './gateway.js';
export { formatId, Header, parseId } from './headers.js';
export { Incarnations } from './incarnations.js';
export * from './limits.js';
export { SendQueue } from './send-queue.js';
export { OTHER_INCARNATION } from './sender-checks.js';
export { EnvelopeDecoder, encodeEnvelope } from './snapshot/envelope.js';
export { FollowerStats } from './stats/leader-stats.js';
export { Rate } from './stats/rate.js';
export { goDuration } from './stats/server-stats.js';
export { parseRevocationLists } from './tls/crl.js';
export { dialTarget, parsePeerUrls, UrlPicker } from './url-picker.js';
export { isCompatible, MIN_CLUSTER_VERSION, SERVER_VERSION, supportsStreams } from './version.js';
