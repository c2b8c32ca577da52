/** Bounds on what may wait at the same time. */
export interface WaitingLimits {
  readonly messages: number;
  /** Of all senders together. */
  readonly bytes: number;
  readonly bytesPerSender: number;
}

/**
 * Counts messages that have been handed over and have not settled, and their bytes, per sender and in total. A message
 * that alone exceeds a limit is admitted if nothing else counts towards that limit.
 */
export class Waiting {
  private readonly limits: WaitingLimits;
  private readonly bytesOf = new Map<string, number>();
  private messages = 0;
  private bytes = 0;

  constructor(limits: WaitingLimits) {
    this.limits = limits;
  }

  /** Takes a place. Returns a function that gives it back, to be called once; undefined if none is free. */
  enter(sender: string, bytes: number): (() => void) | undefined {
    const { limits } = this;
    const own = this.bytesOf.get(sender) ?? 0;
    if (this.messages >= limits.messages) return undefined;
    if (this.bytes > 0 && this.bytes + bytes > limits.bytes) return undefined;
    if (own > 0 && own + bytes > limits.bytesPerSender) return undefined;
    this.messages++;
    this.bytes += bytes;
    this.bytesOf.set(sender, own + bytes);
    return () => this.leave(sender, bytes);
  }

  private leave(sender: string, bytes: number): void {
    this.messages--;
    this.bytes -= bytes;
    const left = (this.bytesOf.get(sender) ?? 0) - bytes;
    if (left > 0) this.bytesOf.set(sender, left);
    else this.bytesOf.delete(sender);
  }
}
