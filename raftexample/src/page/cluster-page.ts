import type { Steering } from '../common/steering.js';
import type { Network } from './network.js';
import type { Asked, PageHost } from './server.js';
import type { Fault, PageState } from './told.js';

/** Longest delay of a link or a message, in milliseconds. */
const MAX_DELAY_MS = 5000;
/** A message has a name like `MsgPreVoteResp`. */
const MESSAGE = /^Msg[A-Za-z]{1,40}$/;

export interface ClusterPageParts {
  /** Which cluster it is, for people: `the store`. */
  readonly title: string;
  readonly network: Network;
  readonly steering: Steering;
  /**
   * Writes or reads at a member, for a client of the page; undefined if it was asked for neither. Left out where there
   * is nothing to write or to read.
   */
  readonly client?: ((id: number, asked: Asked) => unknown) | undefined;
}

/** A running cluster, for its page: what may be done to its processes, its links and its messages. */
export class ClusterPage implements PageHost {
  private readonly parts: ClusterPageParts;
  private isWatched = false;

  constructor(parts: ClusterPageParts) {
    this.parts = parts;
  }

  private get ids(): readonly number[] {
    return this.parts.network.ids;
  }

  state(): PageState {
    const { network, steering, title, client } = this.parts;
    const ways = this.ids.flatMap((from) => this.ids.filter((to) => to !== from).map((to) => [from, to] as const));
    return {
      kind: 'state',
      title,
      asksClients: client !== undefined,
      processes: this.ids.map((id) => steering.stateOf(BigInt(id))),
      cut: ways.filter(([from, to]) => !network.isOpen(from, to)),
      slow: ways
        .map(([from, to]) => [from, to, network.delayOf(from, to)] as const)
        .filter(([, , delayMs]) => delayMs > 0),
    };
  }

  watched(isWatched: boolean): void {
    this.isWatched = isWatched;
    for (const id of this.ids) this.ask(id);
  }

  /** A member that has just started does not know whether somebody watches. */
  ask(id: number): void {
    this.parts.steering.send(BigInt(id), { tell: this.isWatched });
  }

  act(asked: Asked): unknown {
    const { network, steering } = this.parts;
    const who = (): bigint => BigInt(this.id(asked['who']));
    switch (asked['kind']) {
      case 'kill':
        steering.kill(who());
        return undefined;
      case 'pause':
        steering.pause(who());
        return undefined;
      case 'continue':
        steering.goOn(who());
        return undefined;
      case 'start':
        steering.start(who());
        return undefined;
      case 'isolate':
        network.split([this.id(asked['who'])]);
        return undefined;
      case 'split':
        network.split(this.side(asked['side']));
        return undefined;
      case 'heal':
        network.heal();
        return undefined;
      default:
        return this.toLink(asked);
    }
  }

  private toLink(asked: Asked): unknown {
    const { network } = this.parts;
    switch (asked['kind']) {
      case 'cut':
      case 'open':
        network.set(...this.way(asked), asked['kind'] === 'open');
        return undefined;
      case 'slow':
        if (asked['who'] === undefined) network.slow(this.delay(asked));
        else network.slowDown(...this.way(asked), this.delay(asked));
        return undefined;
      case 'lose':
      case 'delay':
        this.disturb(asked);
        return undefined;
      default:
        return this.ofClient(asked);
    }
  }

  /** The next such message on a link is lost, or late: its sender sees to that, because a proxy sees only bytes. */
  private disturb(asked: Asked): void {
    const { steering } = this.parts;
    const [from, to] = this.way(asked);
    const { message } = asked;
    if (message !== undefined && (typeof message !== 'string' || !MESSAGE.test(message))) {
      throw new Error('"message" must be the name of a kind of messages');
    }
    const delay = asked['kind'] === 'delay' ? { delayMs: this.delay(asked) } : {};
    const fault: Fault = { to, ...(message === undefined ? {} : { message }), ...delay };
    if (steering.stateOf(BigInt(from)) !== 'running') throw new Error(`member ${from} does not run`);
    steering.send(BigInt(from), { fault });
  }

  private ofClient(asked: Asked): unknown {
    const { client } = this.parts;
    const answer = client?.(this.id(asked['who']), asked);
    if (answer === undefined) throw new Error('this cannot be done here');
    return answer;
  }

  private id(value: unknown): number {
    const id = this.ids.find((known) => known === value);
    if (id === undefined) throw new Error('there is no such member');
    return id;
  }

  private way(asked: Asked): [from: number, to: number] {
    const [from, to] = [this.id(asked['who']), this.id(asked['to'])];
    if (from === to) throw new Error('a member has no link to itself');
    return [from, to];
  }

  private side(value: unknown): number[] {
    if (!Array.isArray(value)) throw new Error('"side" must be a list of members');
    return value.map((each) => this.id(each));
  }

  private delay({ ms }: Asked): number {
    if (typeof ms === 'number' && Number.isInteger(ms) && ms >= 0 && ms <= MAX_DELAY_MS) return ms;
    throw new Error(`"ms" must be a whole number from 0 to ${MAX_DELAY_MS}`);
  }
}
