/** An error of raft, its log or its transport, recognised by its code, because its class may exist several times. */
export interface CodedError {
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly cause?: unknown;
}

/** Returns what was thrown if it is such an error, and not a bug of this program. */
export function asCoded(thrown: unknown): CodedError | undefined {
  const { code } = thrown as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_RAFT_') ? (thrown as CodedError) : undefined;
}
