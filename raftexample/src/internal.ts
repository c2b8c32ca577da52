/** For tests. */

export { linesOf } from './common/lines.js';
export { isLoopback, listenAddress } from './common/listen.js';
export { describeRemoval, memberLog, transportLogger } from './common/log.js';
export { type Address, formatAddress, formatPeers, localPeers, type Peer, parsePeers } from './common/peers.js';
export { type Command, CommandError, carryOut } from './common/usage.js';
export { type ClusterOptions, parseClusterFlags } from './hello/cluster-flags.js';
export { type MemberConfig, raftConfig } from './hello/config.js';
export { describeCommitted, describeOtherPeers } from './hello/describe.js';
export { type HelloPlan, type MemberOptions, parseMemberFlags } from './hello/flags.js';
export { keptFounders } from './hello/founders.js';
export { sayHello } from './hello/hello.js';
export { handleReadys, runMember } from './hello/member.js';
export { Membership } from './hello/membership.js';
export { openStorage } from './hello/storage.js';
export { HttpError, type Problem, problemOf } from './kv/face/answers.js';
export { type FaceLimits } from './kv/face/limits.js';
export { type AdminHost, createFace, type FaceHost, type FaceServer } from './kv/face/server.js';
export { parseKvFlags } from './kv/flags.js';
export { type Change, History } from './kv/machine/history.js';
export { compareKeys } from './kv/machine/key-order.js';
export { kvFormat } from './kv/machine/kv-format.js';
export { type KvCommand, KvMachine, type KvResult } from './kv/machine/kv-machine.js';
export { adminOf } from './kv/member/admin.js';
export type { KvOptions } from './kv/member/options.js';
export { parseStoreFlags } from './kv/store.js';
