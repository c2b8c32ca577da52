/**
 * The coded error of the whole project. Expected failures carry a `code` that programs branch on; texts are for people
 * and may change. Sibling packages add codes of their own, all beginning with `ERR_RAFT_`.
 */
export class RaftError extends Error {
  /** What went wrong, for programs: `ERR_RAFT_…`. */
  readonly code: string;
  /** The cause, if the code has several: for example `no-leader` with `ERR_RAFT_PROPOSAL_DROPPED`. */
  readonly reason: string | undefined;

  constructor(code: string, message: string, options: { reason?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RaftError';
    this.code = code;
    this.reason = options.reason;
  }
}
