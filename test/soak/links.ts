import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How a link treats what passes: carries it, refuses and closes connections, or swallows bytes and keeps them open. */
export type LinkState = 'open' | 'cut' | 'silent';

/**
 * One direction of the network between two members: a port of its own that leads to the target's. The member at the
 * near end dials it instead of the target.
 */
export class Link {
  state: LinkState = 'open';
  private readonly target: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(target: number) {
    this.target = target;
    this.server = createServer((near) => this.accept(near));
  }

  /** @param target the port of 127.0.0.1 that the link leads to */
  static async open(target: number): Promise<Link> {
    const link = new Link(target);
    await once(link.server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return address.port;
  }

  set(state: LinkState): void {
    this.state = state;
    if (state === 'cut') this.dropAll();
  }

  async close(): Promise<void> {
    this.dropAll();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(near: Socket): void {
    if (this.state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    this.join(near, far);
    this.join(far, near);
  }

  /**
   * Bytes that arrive while the link is silent are lost, and with them the connection's sense: it is closed when the
   * link opens again.
   */
  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    let lost = false;
    from.on('data', (chunk) => {
      if (this.state === 'silent') lost = true;
      else if (lost) from.destroy();
      else if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private dropAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
