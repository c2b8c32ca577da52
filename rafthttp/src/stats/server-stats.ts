import { type Message, messageSize, type NodeId } from '@raft-ts/proto';
import { formatId } from '../base/headers.js';
import { Rate } from './rate.js';

/** What a member sends and receives, in the form of etcd's `/v2/stats/self`. */
export interface ServerStatsJson {
  readonly name: string;
  readonly id: string;
  readonly state: 'StateFollower' | 'StateLeader';
  readonly startTime: string;
  readonly leaderInfo: { readonly leader: string; readonly uptime: string; readonly startTime: string };
  readonly recvAppendRequestCnt: number;
  readonly recvPkgRate?: number;
  readonly recvBandwidthRate?: number;
  readonly sendAppendRequestCnt: number;
  readonly sendPkgRate?: number;
  readonly sendBandwidthRate?: number;
}

/** Counts appends. Whoever sends them leads; whoever receives them follows their sender. */
export class ServerStats {
  private readonly id: NodeId;
  private readonly name: string;
  private readonly started = new Date();
  private state: ServerStatsJson['state'] = 'StateFollower';
  private leader: NodeId | undefined;
  private leaderSince = new Date();
  private received = 0;
  private sent = 0;
  private readonly receiveRate = new Rate();
  private readonly sendRate = new Rate();

  constructor(id: NodeId, name: string) {
    this.id = id;
    this.name = name;
  }

  /** An append is about to be sent to a peer. */
  appendSent(message: Message): void {
    this.follow(this.id, 'StateLeader');
    this.sent++;
    this.sendRate.add(messageSize(message), performance.now());
  }

  /** An append is about to be processed. */
  appendReceived(message: Message): void {
    this.follow(message.from, 'StateFollower');
    this.received++;
    this.receiveRate.add(messageSize(message), performance.now());
  }

  toJSON(): ServerStatsJson {
    const now = performance.now();
    const [received, sent] = [this.receiveRate.perSecond(now), this.sendRate.perSecond(now)];
    return {
      name: this.name,
      id: formatId(this.id),
      state: this.state,
      startTime: this.started.toISOString(),
      leaderInfo: {
        leader: this.leader === undefined ? '' : formatId(this.leader),
        uptime: goDuration(Date.now() - this.leaderSince.getTime()),
        startTime: this.leaderSince.toISOString(),
      },
      recvAppendRequestCnt: this.received,
      ...ifAny('recvPkgRate', received.requests),
      ...ifAny('recvBandwidthRate', received.bytes),
      sendAppendRequestCnt: this.sent,
      ...ifAny('sendPkgRate', sent.requests),
      ...ifAny('sendBandwidthRate', sent.bytes),
    };
  }

  private follow(leader: NodeId, state: ServerStatsJson['state']): void {
    this.state = state;
    if (this.leader === leader) return;
    this.leader = leader;
    this.leaderSince = new Date();
  }
}

function ifAny(name: string, value: number): Record<string, number> {
  return value === 0 ? {} : { [name]: value };
}

/** Formats a time as Go formats durations: `1h2m3.004s`. */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole === 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = `${(whole % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
