/** Clients that watch the store, all in one process, and count what they are told. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** So many are opened at a time. */
const AT_ONCE = 50;

export class Watches {
  /** Changes that all of them together were told. */
  events = 0;
  /** Watches that the member has ended. */
  ended = 0;
  private readonly agent = new Agent({ keepAlive: false });
  private readonly all: Watch[] = [];
  private closing = false;

  /** Opens so many more, and resolves once all of them watch. */
  async open(endpoint: string, prefix: string, count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => this.add(endpoint, prefix)));
    }
  }

  private async add(endpoint: string, prefix: string): Promise<void> {
    const request = get(`${endpoint}/watch?prefix=${encodeURIComponent(prefix)}`, { agent: this.agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`a watch was refused: ${response.statusCode}`);
    const watch = new Watch(response, (events) => {
      this.events += events;
    });
    this.all.push(watch);
    response.on('error', () => undefined);
    response.once('close', () => {
      if (!this.closing) this.ended++;
    });
  }

  /** Resolves once every one that was not ended was told of an entry at or above this index. */
  async reach(index: number): Promise<void> {
    while (this.all.some(({ response, last }) => !response.closed && last < index)) await sleep(10);
  }

  close(): void {
    this.closing = true;
    for (const { response } of this.all) response.destroy();
  }
}

class Watch {
  readonly response: IncomingMessage;
  /** The last id that it was told. */
  last = 0;
  private rest = '';

  constructor(response: IncomingMessage, told: (events: number) => void) {
    this.response = response;
    response.setEncoding('latin1').on('data', (piece: string) => {
      const text = this.rest + piece;
      // Events end with an id, and an empty line.
      const end = text.lastIndexOf('\n\n') + 2;
      if (end < 2) {
        this.rest = text;
        return;
      }
      this.rest = text.slice(end);
      const whole = text.slice(0, end);
      const id = whole.lastIndexOf('\nid: ');
      if (id >= 0) this.last = Number.parseInt(whole.slice(id + 5), 10);
      let events = 0;
      for (let at = whole.indexOf('event: put'); at >= 0; at = whole.indexOf('event: put', at + 10)) events++;
      told(events);
    });
  }
}
