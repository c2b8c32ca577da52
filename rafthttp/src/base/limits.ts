/**
 * Every length, count and time that bounds what a peer can cost this member. The names say what is bounded; where etcd
 * has another value, or none, the README's table says so.
 */

/** Longest message on a stream, in bytes; etcd's own limit. */
export const MAX_MESSAGE_BYTES: number = 512 * 1024 * 1024;

/** Longest body of `POST /raft`: whatever fits on a stream fits here. */
export const MAX_POST_BYTES: number = MAX_MESSAGE_BYTES;

/** Bytes of all POST bodies that are being read at the same time. */
export const MAX_POST_BYTES_TOTAL: number = 1024 * 1024 * 1024;

/** Most entries in one compressed append record: an entry of no bytes costs eight on the wire, but a record here. */
export const MAX_APPEND_ENTRIES: number = 1024 * 1024;

/** Messages that wait for one stream of one peer; etcd's streamBufSize. */
export const STREAM_QUEUE_LENGTH = 4096;

/**
 * Payload bytes that wait for one stream or pipeline of one peer. A single message may exceed it when nothing waits.
 */
export const QUEUE_BYTES: number = 256 * 1024 * 1024;

/** Messages that wait for a POST to one peer; etcd's pipelineBufSize. */
export const PIPELINE_QUEUE_LENGTH = 64;

/** POSTs under way to one peer; etcd's connPerPipeline. */
export const PIPELINE_WORKERS = 4;

/**
 * Most entries in a proposal. A correct follower passes one on as it was made; what is appended is sent on in pieces of
 * `maxSizePerMsg`, so other messages may hold more: proto's MAX_ENTRIES.
 */
export const MAX_PROPOSAL_ENTRIES: number = 64 * 1024;

/** What an appended entry takes at least: its tag and length, a term and an index. */
export const MIN_APPENDED_BYTES = 6;

/** Longest message of the kinds that carry neither entries of the log nor a snapshot, in bytes. */
export const MAX_SMALL_MESSAGE_BYTES: number = 1024 * 1024;

/** Longest metadata of a snapshot within a message, in bytes: several times what the largest configuration takes. */
export const MAX_METADATA_BYTES: number = 64 * 1024;

/** Most bytes of a message in fields that this version does not know. */
export const MAX_UNKNOWN_BYTES: number = 1024 * 1024;

/** First block of memory for a body, in bytes, and longest one. */
export const FIRST_BLOCK_BYTES: number = 4 * 1024;
export const BLOCK_BYTES: number = 1024 * 1024;

/** Bytes of a body that are copied together in one turn of the event loop. */
export const JOIN_BYTES: number = 8 * 1024 * 1024;

/** Bytes of a message that are decoded in one turn of the event loop: at worst an entry of each two. */
export const DECODE_TURN_BYTES: number = 256 * 1024;

/**
 * A message of a stream that is so long is judged by its head before it is decoded; a shorter one costs less than that.
 */
export const SURVEY_FROM_BYTES: number = 64 * 1024;

/** Pieces of a body that may be short; after them each must have, on average, so many bytes. */
export const FREE_PIECES = 256;
export const MIN_PIECE_BYTES = 256;

/**
 * Bytes of messages by POST whose `process` has not settled: of all senders, and of one; proposals and others apart.
 */
export const MAX_POSTED_BYTES: number = 512 * 1024 * 1024;
export const MAX_POSTED_BYTES_PER_SENDER: number = 256 * 1024 * 1024;

/** The same in number. */
export const MAX_POSTED = 4096;

/** Bytes of messages of one peer's streams whose `process` has not settled; proposals and others apart. */
export const MAX_PROCESSING_BYTES: number = 256 * 1024 * 1024;

/** Messages of one peer whose `process` has not settled; etcd's recvBufSize. */
export const MAX_PROCESSING = 4096;

/** The same for proposals, which may wait for a leader and must not hold up the rest; etcd's maxPendingProposals. */
export const MAX_PROCESSING_PROPOSALS = 4096;

/** Most ids in a snapshot's configuration: far above any cluster. */
export const MAX_SNAPSHOT_MEMBERS = 512;

/** Longest envelope of a streamed snapshot, the message before the body; etcd's snapshotLimitByte. */
export const MAX_ENVELOPE_BYTES: number = 64 * 1024 * 1024;

/** Longest body of a streamed snapshot, where the options do not say otherwise. */
export const MAX_SNAPSHOT_BYTES: number = 8 * 1024 * 1024 * 1024;

/** What a snapshot must leave free on the disk: two segments of a log, so that what arrives cannot stop the log. */
export const SNAPSHOT_DISK_RESERVE: number = 128 * 1000 * 1000;

/** Streamed snapshots that are being received at the same time, of all senders; of one sender it is one. */
export const MAX_INCOMING_SNAPSHOTS = 2;

/**
 * Bodies in a folder whose snapshots nobody has opened. Beyond that the oldest gives way, but only after the time
 * below.
 */
export const MAX_UNTAKEN_SNAPSHOTS = 8;

/** How long a body waits at least for its snapshot to come out of raft. */
export const UNTAKEN_SNAPSHOT_MS = 60_000;

/** A streamed snapshot that is slower than this on average, in bytes per second, may have to give way. */
export const SLOW_SNAPSHOT_RATE: number = 1024 * 1024;

/** A body must bring so many bytes in each read timeout, or end: a sender that drips would hold a place for ever. */
export const BODY_PACE_BYTES: number = 64 * 1024;

/** Progress of a streamed snapshot is told each time so many bytes more have passed. */
export const SNAPSHOT_PROGRESS_BYTES: number = 4 * 1024 * 1024;

/** Members that are remembered because they wrote to us while we knew none, and answered where they said to be. */
export const MAX_LEARNED_REMOTES = 64;

/** Addresses of one such member, which are written to in turn. */
export const MAX_ADDRESSES = 4;

/** Addresses that are being proven at the same time, and how many of them may have been named from one address. */
export const MAX_PROOFS = 16;
export const MAX_PROOFS_PER_SOURCE = 4;

/** How long a proof may take. */
export const PROOF_TIMEOUT_MS = 2000;

/** For how long at least a proof keeps its place, so that a flood of claims is no flood of dials. */
export const PROOF_SPACING_MS = 500;

/** Ids, besides those of peers, whose incarnation is remembered. */
export const MAX_FORMER_INCARNATIONS = 64;

/** Requests that wait at the same time until one member's address has been dialled. */
export const MAX_ADDRESS_CHECKS = 64;

/** From the end of one round of such dials to the next, in milliseconds: requests of strangers ask for them too. */
export const ADDRESS_CHECK_GAP_MS = 100;

/** The same while nobody answers there: this often at most, a member that cannot be dialled costs a dial. */
export const UNREACHABLE_GAP_MS = 1000;

/**
 * So long after nobody answered at a member's address, its requests no longer wait for another dial, in milliseconds.
 */
export const UNREACHABLE_MS = 10_000;

/** Most founders of a cluster; far above any. */
export const MAX_FOUNDERS = 64;

/** How long a peer's word against this member counts, in milliseconds: it repeats it with each attempt to reach it. */
export const STATEMENT_MS = 60_000;

/** Longest incarnation that is accepted, in characters. */
export const MAX_INCARNATION_LENGTH = 128;

/** How much of an answer that is not a stream is read, in bytes. */
export const MAX_ANSWER_BYTES = 4096;

/** Bytes that are gathered before a stream's socket is written to. */
export const WRITE_BATCH_BYTES: number = 256 * 1024;

/**
 * So many messages that wait are written before their turn ends, so that the peer reads them while others are still
 * sent.
 */
export const EARLY_WRITE_LENGTH = 128;

/** From this length on a part of a write is handed to the system as it is; shorter ones are cheaper copied together. */
export const LARGE_PART_BYTES: number = 8 * 1024;

/** Most bytes of headers in one request. */
export const MAX_HEADER_BYTES: number = 16 * 1024;

/** Most headers in one request; members send about ten. */
export const MAX_HEADERS = 64;

/** Most requests that a connection may have under way at the same time. Members send one after the other. */
export const MAX_PIPELINED = 8;

/** Lines of one cause that are logged in each window; the rest is counted. */
export const LOG_BUDGET = 10;
export const LOG_WINDOW_MS = 60_000;

/** Open files that are kept for the log, snapshots and connections to peers; of a low limit, half of it. */
export const FILES_RESERVE = 256;

/** A lower limit of open files is told when the transport is built. */
export const FILES_ENOUGH = 1024;

/** Connections that the servers of one transport accept at the same time, where the options do not say otherwise. */
export const MAX_CONNECTIONS = 4096;

/** Fewer would not do for one peer's streams, POSTs and probes. */
export const MIN_CONNECTIONS = 16;

/** Longest time that the event loop may be kept awake after each piece of a stream, in milliseconds. */
export const MAX_BUSY_POLL_MS = 10;

/** The transport's times, in milliseconds. */
export interface TransportTimings {
  /** From one link heartbeat to the next; etcd's ConnReadTimeout / 3. */
  readonly heartbeatMs: number;
  /** A stream, or the body of a POST, that stays silent for so long is dead; etcd's ConnReadTimeout. */
  readonly readTimeoutMs: number;
  /** A stream whose socket takes nothing for so long is dead; etcd's ConnWriteTimeout. */
  readonly writeTimeoutMs: number;
  /** From one dial of a stream to the next, after a first retry that does not wait; etcd's DialRetryFrequency. */
  readonly dialRetryMs: number;
  /** From the dial of a stream to its answer's head. */
  readonly dialTimeoutMs: number;
  /** From the beginning of a POST to its answer. */
  readonly postTimeoutMs: number;
  /**
   * The same for a snapshot, which the other side takes in before it answers; of a streamed one from its body's end.
   */
  readonly snapshotTimeoutMs: number;
  /** A streamed snapshot that we send and of which nothing is taken for so long has failed. */
  readonly snapshotStallMs: number;
  /** How long a snapshot that we receive may be slower than 1 MiB/s before it gives its place to another sender's. */
  readonly snapshotSlowMs: number;
  /** From one probe of a peer to the next; etcd's proberInterval. */
  readonly probeIntervalMs: number;
  /** How often the result of the probes is looked at while it is good; etcd's statusMonitoringInterval. */
  readonly probeStatusMs: number;
  /** The same while it is not, and at the beginning; etcd's statusErrorInterval. */
  readonly probeErrorMs: number;
}

export const defaultTimings: TransportTimings = {
  heartbeatMs: 1667,
  readTimeoutMs: 5000,
  writeTimeoutMs: 5000,
  dialRetryMs: 100,
  dialTimeoutMs: 5000,
  postTimeoutMs: 30_000,
  snapshotTimeoutMs: 600_000,
  snapshotStallMs: 30_000,
  snapshotSlowMs: 60_000,
  probeIntervalMs: 4000,
  probeStatusMs: 30_000,
  probeErrorMs: 5000,
};

/**
 * An idle pooled connection is closed by us before a Go member, which waits five seconds, closes it under a POST.
 * Longer than the time between two probes, which so keep one connection open.
 */
export const POOLED_IDLE_MS = 4500;

/** What a connection of streams reads at once, in bytes; node's own measure. */
export const READ_BYTES: number = 64 * 1024;

/** How long the server keeps an idle connection: far longer than the four seconds between a Go member's probes. */
export const KEEP_ALIVE_MS = 65_000;

/** How long a connection may take to send the head of a request, from its beginning or from the request before. */
export const HEADERS_TIMEOUT_MS = 5000;

/** How often the server looks for connections that took longer. */
export const CONNECTIONS_CHECK_MS = 1000;

/** How long a TLS handshake may take; etcd's. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Certificate files are looked at again by the first connection after this time. */
export const TLS_FILES_CHECK_MS = 1000;

/** Longest certificate, key or revocation list that is read, in bytes. */
export const MAX_TLS_FILE_BYTES: number = 16 * 1024 * 1024;

/** A peer's clock that differs by more is worth a warning. */
export const CLOCK_DRIFT_MS = 1000;

/** Names that the system is asked for at the same time: libuv gives look-ups no more threads. */
export const MAX_LOOKUPS = 2;

/** How long a dial waits for the address of a name. */
export const NAME_DEADLINE_MS = 3000;

/** After this time a look-up is late: the address that is remembered serves, or what another way finds. */
export const NAME_LATE_MS = 250;

/** Names whose addresses are remembered. */
export const MAX_REMEMBERED_NAMES = 1024;

/** How long the name servers may take each time that they are asked directly, and how often they are. */
export const FALLBACK_TIMEOUT_MS = 500;
export const FALLBACK_TRIES = 3;

/** How long addresses of the other family are waited for when those of one have come. */
export const SECOND_FAMILY_MS = 100;

/** Longest file of hosts that is read. */
export const MAX_HOSTS_BYTES: number = 1024 * 1024;

/**
 * Longest path of a Unix socket, in bytes: what `sun_path` holds beside the zero at its end. Node.js 20 cuts a longer
 * one off without a word, and so listens at, or dials, another file. Windows has named pipes instead.
 */
export const MAX_SOCKET_PATH_BYTES: number =
  process.platform === 'win32' ? Infinity : process.platform === 'linux' ? 107 : 103;

/** When TCP begins to ask whether a silent connection still lives. */
export const TCP_KEEP_ALIVE_MS = 30_000;
