/**
 * Every length, count and time that bounds what a peer can cost this member. The names say what is bounded; if etcd has
 * a different value, or none, the README's table says so.
 */

/** Longest message on a stream, in bytes; etcd's own limit. */
export const MAX_MESSAGE_BYTES: number = 512 * 1024 * 1024;

/** Longest body of `POST /raft`: whatever fits on a stream must fit here. */
export const MAX_POST_BYTES: number = MAX_MESSAGE_BYTES;

/** Most bytes in all POST bodies that are being read at the same time. */
export const MAX_POST_BYTES_TOTAL: number = 1024 * 1024 * 1024;

/** Most entries in one compressed append record: an empty entry takes eight bytes on the wire, but an object here. */
export const MAX_APPEND_ENTRIES: number = 1024 * 1024;

/** Most messages that wait for one stream of a peer; etcd's streamBufSize. */
export const STREAM_QUEUE_LENGTH = 4096;

/** Most payload bytes that wait for one stream or pipeline of a peer. A single message may exceed it. */
export const QUEUE_BYTES: number = 256 * 1024 * 1024;

/** Most messages that wait for a POST to a peer; etcd's pipelineBufSize. */
export const PIPELINE_QUEUE_LENGTH = 64;

/** Most POSTs in flight to a peer; etcd's connPerPipeline. */
export const PIPELINE_WORKERS = 4;

/**
 * Most entries in a proposal, which a correct follower forwards as it was made. Appends are cut by `maxSizePerMsg` and
 * may hold more: up to proto's MAX_ENTRIES.
 */
export const MAX_PROPOSAL_ENTRIES: number = 64 * 1024;

/** Least bytes of an appended entry: its tag and length, a term and an index. */
export const MIN_APPENDED_BYTES = 6;

/** Longest message of the kinds that carry neither log entries nor a snapshot, in bytes. */
export const MAX_SMALL_MESSAGE_BYTES: number = 1024 * 1024;

/** Longest snapshot metadata in a message, in bytes: several times the size of the largest configuration. */
export const MAX_METADATA_BYTES: number = 64 * 1024;

/** Most bytes of unknown fields in a message. */
export const MAX_UNKNOWN_BYTES: number = 1024 * 1024;

/** Size of the first block of memory for a body, and of the largest, in bytes. */
export const FIRST_BLOCK_BYTES: number = 4 * 1024;
export const BLOCK_BYTES: number = 1024 * 1024;

/** Bytes of a body that are joined in one turn of the event loop. */
export const JOIN_BYTES: number = 8 * 1024 * 1024;

/** Bytes of a message that are decoded in one turn of the event loop: at worst one entry for every two. */
export const DECODE_TURN_BYTES: number = 256 * 1024;

/** From this length on, a message on a stream is judged by its head first; decoding a shorter one costs less. */
export const SURVEY_FROM_BYTES: number = 64 * 1024;

/** Number of pieces of a body that may be short; beyond that, pieces must have this many bytes on average. */
export const FREE_PIECES = 256;
export const MIN_PIECE_BYTES = 256;

/** Most bytes in POSTed messages whose `process` has not settled: of all senders, and of one; proposals count apart. */
export const MAX_POSTED_BYTES: number = 512 * 1024 * 1024;
export const MAX_POSTED_BYTES_PER_SENDER: number = 256 * 1024 * 1024;

/** Most POSTed messages whose `process` has not settled; proposals count apart. */
export const MAX_POSTED = 4096;

/** Most bytes in messages from a peer's streams whose `process` has not settled; proposals count apart. */
export const MAX_PROCESSING_BYTES: number = 256 * 1024 * 1024;

/** Most messages from a peer whose `process` has not settled; etcd's recvBufSize. */
export const MAX_PROCESSING = 4096;

/** The same for proposals, which may wait for a leader and must not block the rest; etcd's maxPendingProposals. */
export const MAX_PROCESSING_PROPOSALS = 4096;

/** Most ids in a snapshot's configuration. `MAX_MEMBERS` in raft explains how this relates to the core's own bounds. */
export const MAX_SNAPSHOT_MEMBERS = 512;

/** Longest envelope of a streamed snapshot, that is, the message before the body; etcd's snapshotLimitByte. */
export const MAX_ENVELOPE_BYTES: number = 64 * 1024 * 1024;

/** Longest body of a streamed snapshot, unless the options say otherwise. */
export const MAX_SNAPSHOT_BYTES: number = 8 * 1024 * 1024 * 1024;

/**
 * Disk space that a snapshot must leave free: two segments of a log, so that an arriving snapshot cannot stop the log.
 */
export const SNAPSHOT_DISK_RESERVE: number = 128 * 1000 * 1000;

/** Most streamed snapshots received at the same time from all senders; from one sender it is one. */
export const MAX_INCOMING_SNAPSHOTS = 2;

/**
 * Most bodies in a folder that have not been opened. Beyond that the oldest is dropped, but only after the time below.
 */
export const MAX_UNTAKEN_SNAPSHOTS = 8;

/** How long a body is kept at least, waiting for its snapshot to come out of raft. */
export const UNTAKEN_SNAPSHOT_MS = 60_000;

/** A streamed snapshot slower than this on average, in bytes per second, may lose its place. */
export const SLOW_SNAPSHOT_RATE: number = 1024 * 1024;

/** Least bytes of a body in each read timeout, unless it ends: a dripping sender could hold a place for ever. */
export const BODY_PACE_BYTES: number = 64 * 1024;

/** A shorter part of a snapshot that broke off is not kept, in bytes: it costs less to send it again. */
export const MIN_PART_BYTES: number = 1024 * 1024;

/** How long such a part is kept if nobody goes on with it. */
export const PART_MS: number = 60 * 60 * 1000;

/**
 * Least rate of snapshots that may be asked for, and least share of it that each of those under way has, in bytes per
 * second: receivers want `BODY_PACE_BYTES` in 5 s.
 */
export const MIN_SNAPSHOT_RATE: number = 64 * 1024;

/** Whoever has used nothing of a shared rate for this long leaves room for another. */
export const PLACE_IDLE_MS = 5000;

/** Length of the pieces in which a snapshot is sent at a limited rate. */
export const PACED_PIECE_BYTES: number = 64 * 1024;

/** How often the log tells how far a streamed snapshot is. */
export const SNAPSHOT_LOG_MS = 10_000;

/** Progress of a streamed snapshot is reported after every so many bytes. */
export const SNAPSHOT_PROGRESS_BYTES: number = 4 * 1024 * 1024;

/** Most members learned from their own requests while this one knew no peer. */
export const MAX_LEARNED_REMOTES = 64;

/** Most addresses of one such member, which are used in turn. */
export const MAX_ADDRESSES = 4;

/** Most addresses proven at the same time, and how many of them may have been named by one source. */
export const MAX_PROOFS = 16;
export const MAX_PROOFS_PER_SOURCE = 4;

/** How long a proof may take. */
export const PROOF_TIMEOUT_MS = 2000;

/** How long a proof keeps its place at least, so that a flood of claims does not cause a flood of dials. */
export const PROOF_SPACING_MS = 500;

/** Most ids, apart from those of peers, whose incarnation is remembered. */
export const MAX_FORMER_INCARNATIONS = 64;

/** Most requests that wait at the same time until a member's address has been dialled. */
export const MAX_ADDRESS_CHECKS = 64;

/** Pause between two rounds of such dials, in milliseconds: strangers' requests cause them too. */
export const ADDRESS_CHECK_GAP_MS = 100;

/** The same while nobody answers there: bounds what a member that cannot be dialled costs. */
export const UNREACHABLE_GAP_MS = 1000;

/** For this long after nobody answered at a member's address, its requests do not wait for another dial. */
export const UNREACHABLE_MS = 10_000;

/** Most founders of a cluster: far more than any has. */
export const MAX_FOUNDERS = 64;

/** Longest text that a member announces, in characters: it is on every request. */
export const MAX_ANNOUNCEMENT_LENGTH = 512;

/** Highest level of features. */
export const MAX_FEATURES = 999_999_999;

/** Most members of which a transport remembers that the log has named them. */
export const MAX_TOLD_MEMBERS = 64;

/** How long a peer's refusal counts, in milliseconds: each attempt to reach the peer renews it. */
export const STATEMENT_MS = 60_000;

/** Longest incarnation, in characters. */
export const MAX_INCARNATION_LENGTH = 128;

/** Most bytes read of an answer that is not a stream. */
export const MAX_ANSWER_BYTES = 4096;

/** Most answers of status 1xx within a second before the one that counts. A member sends a few in all. */
export const MAX_INTERIM_ANSWERS = 64;

/** Bytes gathered before a stream's socket is written to. */
export const WRITE_BATCH_BYTES: number = 256 * 1024;

/** This many waiting messages are written before the turn ends, so that the peer reads them while others are sent. */
export const EARLY_WRITE_LENGTH = 128;

/**
 * From this length on, part of a write is passed to the system as it is; shorter parts are cheaper to copy together.
 */
export const LARGE_PART_BYTES: number = 8 * 1024;

/** Most bytes of headers in one request. */
export const MAX_HEADER_BYTES: number = 16 * 1024;

/** Most headers in one request; members send about ten. */
export const MAX_HEADERS = 64;

/** Most unanswered requests of a connection. Members send one after the other. */
export const MAX_PIPELINED = 8;

/** Lines of one cause that are logged in each window; the rest are counted. */
export const LOG_BUDGET = 10;
export const LOG_WINDOW_MS = 60_000;

/** Open files reserved for the log, snapshots and connections to peers; of a low limit, half. */
export const FILES_RESERVE = 256;

/** A lower limit of open files causes a warning when the transport is built. */
export const FILES_ENOUGH = 1024;

/** Most connections that the servers of a transport accept at the same time, unless the options say otherwise. */
export const MAX_CONNECTIONS = 4096;

/** Fewer would not suffice for one peer's streams, POSTs and probes. */
export const MIN_CONNECTIONS = 16;

/** Longest time that the event loop may be kept polling after each piece of a stream, in milliseconds. */
export const MAX_BUSY_POLL_MS = 10;

/** The transport's times, in milliseconds. */
export interface TransportTimings {
  /** From one link heartbeat to the next; etcd's ConnReadTimeout / 3. */
  readonly heartbeatMs: number;
  /** After this much silence a stream, or the body of a POST, counts as dead; etcd's ConnReadTimeout. */
  readonly readTimeoutMs: number;
  /** A stream whose socket accepts nothing for this long counts as dead; etcd's ConnWriteTimeout. */
  readonly writeTimeoutMs: number;
  /** Between two dials of a stream, after a first retry at once; etcd's DialRetryFrequency. */
  readonly dialRetryMs: number;
  /** From the dial of a stream to the head of its answer. */
  readonly dialTimeoutMs: number;
  /** From the beginning of a POST to its answer. */
  readonly postTimeoutMs: number;
  /**
   * The same for a snapshot, which is processed before it is answered; for a streamed one, from the end of its body.
   */
  readonly snapshotTimeoutMs: number;
  /** An outgoing streamed snapshot of which the peer accepts nothing for this long has failed. */
  readonly snapshotStallMs: number;
  /** How long an incoming snapshot may be slower than 1 MiB/s before another one may take its place. */
  readonly snapshotSlowMs: number;
  /** From one probe of a peer to the next; etcd's proberInterval. */
  readonly probeIntervalMs: number;
  /** How often the results of the probes are checked while they are good; etcd's statusMonitoringInterval. */
  readonly probeStatusMs: number;
  /** The same while they are bad, and at the beginning; etcd's statusErrorInterval. */
  readonly probeErrorMs: number;
  /**
   * So long after a peer was added its connections may come and go without a warning, and after the transport was built
   * members may be unknown: whoever starts first waits for the others. A peer that does not answer by then is one.
   */
  readonly settleMs: number;
}

/** The periods that a transport uses unless it is told otherwise, in milliseconds. */
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
  settleMs: 5000,
};

/**
 * When we close an idle pooled connection: before a Go member, which waits five seconds, closes it during a POST, but
 * after the next probe, so that probes keep one connection open.
 */
export const POOLED_IDLE_MS = 4500;

/** Most bytes that a stream's connection reads at once; node's own value. */
export const READ_BYTES: number = 64 * 1024;

/** How long the server keeps an idle connection: far longer than the four seconds between a Go member's probes. */
export const KEEP_ALIVE_MS = 65_000;

/** How long a connection may take to send the head of a request. */
export const HEADERS_TIMEOUT_MS = 5000;

/** How often the server looks for connections that have exceeded that. */
export const CONNECTIONS_CHECK_MS = 1000;

/** How long a TLS handshake may take; etcd's. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** So many requests in a row may be in vain before there are pauses between them: a restart takes a few. */
export const FREE_VAIN_REQUESTS = 8;

/** The first of these pauses, which double, and the longest, in milliseconds. */
export const VAIN_PAUSE_MS = 200;
export const MAX_VAIN_PAUSE_MS = 5000;

/** After this time the next connection checks the certificate files for changes. */
export const TLS_FILES_CHECK_MS = 1000;

/** Longest certificate, key or revocation list that is read, in bytes. */
export const MAX_TLS_FILE_BYTES: number = 16 * 1024 * 1024;

/** A larger difference to a peer's clock causes a warning. */
export const CLOCK_DRIFT_MS = 1000;

/** Most names looked up by the system at the same time: libuv has no more threads for them. */
export const MAX_LOOKUPS = 2;

/** Why a peer does not answer is told again if there has been another reason for so long. */
export const REASON_STAYS_MS = 2000;

/** How long a dial waits for the address of a name. */
export const NAME_DEADLINE_MS = 3000;

/** After this time a look-up is late: the remembered address is used, or what the fallback finds. */
export const NAME_LATE_MS = 250;

/** Most names whose addresses are remembered. */
export const MAX_REMEMBERED_NAMES = 1024;

/** Timeout of each direct query to the name servers, and number of tries. */
export const FALLBACK_TIMEOUT_MS = 500;
export const FALLBACK_TRIES = 3;

/** How long to wait for addresses of the other family once those of one have arrived. */
export const SECOND_FAMILY_MS = 100;

/** Longest file of hosts that is read. */
export const MAX_HOSTS_BYTES: number = 1024 * 1024;

/**
 * Longest path of a Unix socket, in bytes: what `sun_path` holds besides the terminating zero. Node.js 20 silently
 * truncates a longer one, and so listens at, or dials, a different file. Windows has named pipes instead.
 */
export const MAX_SOCKET_PATH_BYTES: number =
  process.platform === 'win32' ? Infinity : process.platform === 'linux' ? 107 : 103;

/** When TCP begins to probe whether a silent connection is still alive. */
export const TCP_KEEP_ALIVE_MS = 30_000;
