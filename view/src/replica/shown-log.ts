import type { ReplicaLog } from '@raft-ts/replica';
import { type MediumHost, Records } from '@raft-ts/sim/by-hand';

/** The log of a member in memory, which can be looked at while the member is down, too. */
export class ShownLog extends Records {
  /** Of the present life, or of the last one. */
  log: ReplicaLog | undefined;

  override async open(host: MediumHost): Promise<ReplicaLog> {
    const log = await super.open(host);
    this.log = log;
    return log;
  }
}
