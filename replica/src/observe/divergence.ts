import type { NodeId } from '@raft-ts/raft';

/** Says that two members differ, and what to do: as a log line, and in an explanation. */
export function describeDivergence(
  id: NodeId,
  { index, member }: { readonly index: number; readonly member: NodeId },
): string {
  const first = `the command at index ${index} is the first that came to something else`;
  if (member === id) {
    return `member ${id} differs from itself before it started again: ${first}. Replace it by a new one, and look in apply() for what is not the same each time`;
  }
  return `member ${id} differs from member ${member}: ${first}. If other members say the same of member ${member}, that one is wrong, else this one: stop it, replace it by a new one, and look in apply() for what is not the same on every member`;
}
