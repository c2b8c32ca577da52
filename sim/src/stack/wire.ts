import { decodeMessage, type Message, MessageType, messageSize, type NodeId } from '@raft-ts/proto';
import { encodeMessageInto } from '@raft-ts/proto/internal';
import type { Snapshot } from '@raft-ts/raft';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { ReceivedBody, ReplicaReceiver, ReplicaTransport, SnapshotBody } from '@raft-ts/replica';
import type { RunHash } from '../base/hash.js';
import type { Stream } from '../base/random.js';
import { Network } from '../cluster/network.js';
import type { LogRules } from './log-rules.js';
import type { Process } from './process.js';
import type { StackTime } from './time.js';

/** How often a transport opens a connection again. */
const DIAL_MS = 1000;

// oxlint-disable-next-line typescript/no-explicit-any -- the network carries the messages of any state machine
type AnyProcess = Process<any, any>;

/** What the network knows of a member. */
export interface Station {
  readonly id: NodeId;
  readonly slot: number;
  readonly process: AnyProcess | undefined;
}

/** Hears of messages, for whoever shows a run. */
export interface WireWatcher {
  /**
   * Hears that a member has sent a message.
   * @param arrivesAt when it arrives, if it does and nothing changes; the later moment of two copies
   */
  sent(station: Station, m: Message, arrives: boolean, arrivesAt: number): void;
  /** Hears that a message has arrived. */
  arrived(m: Message): void;
}

export interface WireHost {
  readonly seed: number;
  readonly time: StackTime;
  readonly hash: RunHash;
  readonly reports: Stream;
  readonly rules: LogRules;
  readonly stations: readonly Station[];
  /** May proposals be repeated? One that was forwarded may then be applied twice, unless it is in a session. */
  readonly repeatsProposals: boolean;
  readonly features: number;
}

/** One message on its way, from one life of a member. */
interface Dispatch {
  readonly station: Station;
  readonly process: AnyProcess;
  readonly body: Uint8Array | undefined;
  /** Told once what became of a snapshot. */
  readonly ended: ((status: SnapshotStatus) => void) | undefined;
  readonly message: Message;
}

/** Carries the bytes of messages between processes. */
export class Wire {
  readonly network: Network;
  watcher: WireWatcher | undefined = undefined;
  private readonly host: WireHost;
  private dispatch: Dispatch | undefined = undefined;
  /** When the message that is being sent arrives. */
  private arrivesAt = 0;

  constructor(host: WireHost) {
    this.host = host;
    this.network = new Network(host.seed, host.hash, (at, message) => {
      const { dispatch } = this;
      if (dispatch === undefined) return;
      this.arrivesAt = at;
      const bytes = new Uint8Array(messageSize(message));
      encodeMessageInto(message, bytes, 0);
      host.time.post(at, () => this.deliver(bytes, dispatch));
    });
  }

  /** The transport of one life of a member. */
  connect(station: Station, process: AnyProcess, receiver: ReplicaReceiver): ReplicaTransport {
    process.receiver = receiver;
    const peers = new Set<NodeId>();
    const { features } = this.host;
    this.dial(station, process, peers);
    // It answers whoever has written to it, whose address came along: one that leads may have joined unbeknown to it.
    const knows = ({ to }: Message): boolean => peers.has(to) || process.heard.has(to);
    return {
      send: (messages) => {
        for (const message of messages) {
          if (knows(message)) this.send({ station, process, message, body: undefined, ended: undefined });
        }
      },
      sendSnapshot: (message, body) => this.sendBody({ station, process, message }, body),
      peekSnapshot: (snapshot) => Promise.resolve(bodyOf(process, snapshot)),
      openSnapshot: (snapshot) => {
        const body = bodyOf(process, snapshot);
        if (body === undefined) return Promise.reject(new Error('no body came with this snapshot'));
        return Promise.resolve(body);
      },
      addPeer: (id) => void peers.add(id),
      updatePeer: (id) => void peers.add(id),
      removePeer: (id) => void peers.delete(id),
      featuresOf: () => features,
      stop: () => {
        process.receiver = undefined;
        return Promise.resolve();
      },
    };
  }

  /** Opens its connections again and again, as transports do: whoever was removed hears so, though it sends nothing. */
  private dial(station: Station, process: AnyProcess, peers: ReadonlySet<NodeId>): void {
    const { time, stations } = this.host;
    process.at(time.now + DIAL_MS, () => {
      if (process.receiver === undefined) return;
      const refuses = (id: NodeId): boolean => {
        const peer = stations[Number(id) - 1];
        const isOpen =
          this.network.isOpen(station.slot, Number(id) - 1) && this.network.isOpen(Number(id) - 1, station.slot);
        return isOpen && peer?.process?.isFrozen === false && peer.process.receiver?.isIdRemoved(station.id) === true;
      };
      const by = [...peers].filter(refuses);
      if (by.length > 0) process.receiver.onRemoved({ reason: 'removed', by });
      this.dial(station, process, peers);
    });
  }

  private send(dispatch: Dispatch): void {
    const { host, network } = this;
    const { station, message } = dispatch;
    host.rules.sent(message);
    const isOnce =
      message.type === MessageType.MsgSnap || (message.type === MessageType.MsgProp && !host.repeatsProposals);
    this.dispatch = dispatch;
    const arrives = network.send(message, station.slot, Number(message.to) - 1, host.time.now, !isOnce);
    this.dispatch = undefined;
    this.watcher?.sent(station, message, arrives, this.arrivesAt);
    if (!arrives) this.undelivered(dispatch);
  }

  private async sendBody(
    from: Pick<Dispatch, 'station' | 'process' | 'message'>,
    { chunks }: SnapshotBody,
  ): Promise<SnapshotStatus> {
    const parts: Uint8Array[] = [];
    try {
      for await (const chunk of chunks) parts.push(chunk.slice());
    } catch {
      this.report(from, 'failure');
      return 'failure';
    }
    const body = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      body.set(part, at);
      at += part.length;
    }
    this.host.hash.bytes(body, 0, body.length);
    return new Promise((resolve) => this.send({ ...from, body, ended: resolve }));
  }

  private deliver(bytes: Uint8Array, dispatch: Dispatch): void {
    const { host, network } = this;
    const { slot } = dispatch.station;
    const to = host.stations[Number(dispatch.message.to) - 1];
    network.arrived(slot, Number(dispatch.message.to) - 1);
    const process = to?.process;
    if (to === undefined || process?.receiver === undefined || !network.isOpen(slot, to.slot)) {
      this.undelivered(dispatch);
      return;
    }
    process.now(
      () => {
        const message = decodeMessage(bytes);
        const { snapshot } = message;
        if (snapshot !== undefined && dispatch.body !== undefined) process.bodies.set(snapshot, dispatch.body);
        process.heard.add(message.from);
        this.watcher?.arrived(dispatch.message);
        process.receive(message, (taken) => this.taken(dispatch, to, taken));
      },
      () => this.undelivered(dispatch),
    );
  }

  private taken(dispatch: Dispatch, to: Station, taken: boolean): void {
    const { station, process, message } = dispatch;
    if (taken) {
      if (message.type === MessageType.MsgSnap) this.report(dispatch, 'finish');
      return;
    }
    this.undelivered(dispatch);
    // Transports tell a member that was removed when it comes again.
    if (to.process?.receiver?.isIdRemoved(station.id) === true) {
      process.at(this.host.time.now + 1, () => process.receiver?.onRemoved({ reason: 'removed', by: [to.id] }));
    }
  }

  /** The transport notices, mostly, that a message has not arrived; it always tells what became of a snapshot. */
  private undelivered(dispatch: Dispatch): void {
    const { process, message } = dispatch;
    if (message.type === MessageType.MsgSnap) this.report(dispatch, 'failure');
    if (this.host.reports.chance(0.3)) {
      process.at(this.host.time.now + 1, () => process.receiver?.reportUnreachable(message.to));
    }
  }

  private report(
    { process, message, ended }: Omit<Dispatch, 'body' | 'ended'> & Partial<Dispatch>,
    status: SnapshotStatus,
  ): void {
    const delay = this.host.reports.pick([1, 1, 50, 1000]);
    process.at(this.host.time.now + delay, () => {
      process.receiver?.reportSnapshot(message.to, status);
      ended?.(status);
    });
  }
}

function bodyOf(process: AnyProcess, snapshot: Snapshot): ReceivedBody | undefined {
  const bytes = process.bodies.get(snapshot);
  if (bytes === undefined) return undefined;
  return {
    size: bytes.length,
    chunks: (async function* () {
      yield bytes;
    })(),
  };
}
