import type { Message } from '@raft-ts/raft';
import type { TransportReceiver } from '@raft-ts/raft/transport';
import type { Clock } from '../base/clock.js';
import type { ReplicaReceiver } from '../base/contracts.js';

/** Messages that wait for a member that is paused; more are lost, as when the buffers of a frozen process are full. */
const HELD_MESSAGES = 4096;

/**
 * Freezes a member as SIGSTOP would a process: its timers do not fire and its messages wait, while time goes on. When
 * it wakes, all of that happens at once, in order.
 */
export class Pausable {
  private paused = false;
  private held: (() => void)[] = [];
  private heldMessages = 0;
  private readonly inner: Clock;

  constructor(inner: Clock) {
    this.inner = inner;
  }

  /** A clock that freezes with the member. */
  get clock(): Clock {
    const { inner } = this;
    return {
      monotonic: () => inner.monotonic(),
      wall: () => inner.wall(),
      after: (ms, call) => {
        let cancelled = false;
        const cancel = inner.after(ms, () =>
          this.run(() => {
            if (!cancelled) call();
          }),
        );
        return () => {
          cancelled = true;
          cancel();
        };
      },
      soon: (call) => inner.soon(() => this.run(call)),
    };
  }

  /** A receiver that freezes with the member. */
  receiver(receiver: ReplicaReceiver): ReplicaReceiver {
    return {
      founders: receiver.founders,
      process: (message, options) => (this.paused ? this.hold(receiver, message) : receiver.process(message, options)),
      isIdRemoved: (id) => receiver.isIdRemoved(id),
      reportUnreachable: (id) => this.run(() => receiver.reportUnreachable(id)),
      reportSnapshot: (id, status, error) => this.run(() => receiver.reportSnapshot(id, status, error)),
      reportFounders: (id, founders) => this.run(() => receiver.reportFounders(id, founders)),
      onRemoved: (removal) => this.run(() => receiver.onRemoved(removal)),
    };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.heldMessages = 0;
    for (const call of this.held.splice(0)) call();
  }

  private run(call: () => void): void {
    if (this.paused) this.held.push(call);
    else call();
  }

  private hold(receiver: TransportReceiver, message: Message): Promise<void> {
    if (this.heldMessages >= HELD_MESSAGES) return Promise.reject(new Error('the member is paused'));
    this.heldMessages++;
    return new Promise((resolve, reject) => {
      this.held.push(() => {
        Promise.resolve()
          .then(() => receiver.process(message))
          .then(resolve, reject);
      });
    });
  }
}
