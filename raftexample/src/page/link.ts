import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../common/peers.js';

/** How a link treats what passes: carries it, refuses and closes connections, or swallows bytes and keeps them open. */
export type LinkState = 'open' | 'cut' | 'silent';

/** From who dialled to the target, or from the target back. */
export type Way = 'there' | 'back';

/** A connection of which more waits than this is read no further. */
const MAX_WAITING = 1024 * 1024;

/**
 * One direction of the network between two members: a port of its own that leads to the target. The member at the
 * near end dials it instead of the target.
 */
export class Link {
  private readonly delays: Record<Way, number> = { there: 0, back: 0 };
  private readonly states: Record<Way, LinkState> = { there: 'open', back: 'open' };
  private readonly target: Address;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(target: Address) {
    this.target = target;
    this.server = createServer((near) => this.accept(near));
  }

  /** @param target where the link leads to */
  static async open(target: Address): Promise<Link> {
    const link = new Link(target);
    await once(link.server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return address.port;
  }

  /** Cuts, silences or opens both ways. */
  set(state: LinkState): void {
    this.states.there = state;
    this.states.back = state;
    if (state === 'cut') this.dropAll();
  }

  /** Swallows what goes one way, whoever dialled; the other way is left as it is. */
  silence(way: Way): void {
    this.states[way] = 'silent';
  }

  /** Carries again what goes one way. */
  carry(way: Way): void {
    this.states[way] = 'open';
  }

  /** Each piece that goes one way, or either, arrives so many milliseconds later. */
  slow(delayMs: number, way?: Way): void {
    if (way !== 'back') this.delays.there = delayMs;
    if (way !== 'there') this.delays.back = delayMs;
  }

  async close(): Promise<void> {
    this.dropAll();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(near: Socket): void {
    if (this.states.there === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(this.target);
    this.join(near, far, 'there');
    this.join(far, near, 'back');
  }

  /**
   * Bytes that arrive while the link is silent are lost, and with them the connection's sense: it is closed when the
   * link opens again.
   */
  private join(from: Socket, to: Socket, way: Way): void {
    this.sockets.add(from);
    let lost = false;
    /** Late pieces, in their order: whichever timer fires first takes the first one. */
    const late: Buffer[] = [];
    let waiting = 0;
    const pass = (chunk: Buffer): void => {
      if (!to.destroyed && !to.write(chunk)) from.pause();
    };
    const passLate = (): void => {
      const chunk = late.shift() as Buffer;
      waiting -= chunk.length;
      pass(chunk);
      if (late.length === 0 && !to.writableNeedDrain) from.resume();
    };
    from.on('data', (chunk) => {
      if (this.states[way] === 'silent') lost = true;
      else if (lost) from.destroy();
      else if (this.delays[way] === 0 && late.length === 0) pass(chunk);
      else {
        late.push(chunk);
        waiting += chunk.length;
        if (waiting > MAX_WAITING) from.pause();
        setTimeout(passLate, this.delays[way]);
      }
    });
    to.on('drain', () => from.resume());
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      // What is late would have been on its way already.
      if (late.length === 0) to.destroy();
      else setTimeout(() => to.destroy(), this.delays[way]);
    });
  }

  private dropAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
