/** An error of raft, its log or its transport, known by its code: there may be several copies of its class. */
export interface CodedError {
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly cause?: unknown;
}

/** Returns what was thrown if it is such an error. A mistake in this program is none. */
export function asCoded(thrown: unknown): CodedError | undefined {
  const { code } = thrown as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_RAFT_') ? (thrown as CodedError) : undefined;
}
