/** For tests. */
export { type ClusterOptions, parseClusterFlags } from './cluster-flags.js';
export { type MemberConfig, raftConfig } from './config.js';
export { type HelloPlan, type MemberOptions, parseMemberFlags } from './flags.js';
export { keptFounders } from './founders.js';
export { sayHello } from './hello.js';
export { linesOf } from './lines.js';
export { isLoopback, listenAddress } from './listen.js';
export { describeCommitted, describeOtherPeers, describeRemoval, memberLog, transportLogger } from './log.js';
export { handleReadys, runMember } from './member.js';
export { Membership } from './membership.js';
export { type Address, formatAddress, formatPeers, localPeers, type Peer, parsePeers } from './peers.js';
export { openStorage } from './storage.js';
export { type Command, CommandError, carryOut } from './usage.js';
