import type { Message } from '@raft-ts/proto';

/** Returns the number of application bytes in a message, which dominate a large one. */
export function payloadBytes(message: Message): number {
  let bytes = (message.snapshot?.data?.length ?? 0) + (message.context?.length ?? 0);
  for (const entry of message.entries) bytes += entry.data?.length ?? 0;
  return bytes;
}
