import type { NodeId } from '@raft-ts/raft';

/** Says that two members were given different lists of founders, and what to do. */
export function describeApart(self: NodeId, own: readonly NodeId[], member: NodeId, theirs: readonly NodeId[]): string {
  return `member ${member} was started with the founders ${theirs.join(', ')}, and member ${self} with ${own.join(', ')}: these are two clusters, and nothing passes between the two members. Find out which of them was given the wrong list; start that one again with the right one in bootstrap.peers, on a new log in another folder`;
}
