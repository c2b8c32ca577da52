import type { ChildProcess } from 'node:child_process';
import type { NodeId } from '@raft-ts/raft';

/** What may be done to a member's process. */
export type ProcessState = 'running' | 'paused' | 'ended';

/** Ends, pauses and starts the members of a launcher, and exchanges messages with them over their channels. */
export class Steering {
  /** Called when a process has begun, ended, or been paused. */
  changed: () => void = () => {};
  /** Called with what a member tells. */
  told: (id: NodeId, message: unknown) => void = () => {};
  private readonly children = new Map<NodeId, ChildProcess>();
  private readonly paused = new Set<NodeId>();
  private readonly waiting = new Map<NodeId, () => void>();

  stateOf(id: NodeId): ProcessState {
    if (!this.children.has(id)) return 'ended';
    return this.paused.has(id) ? 'paused' : 'running';
  }

  kill(id: NodeId): void {
    this.children.get(id)?.kill('SIGKILL');
  }

  pause(id: NodeId): void {
    if (this.children.get(id)?.kill('SIGSTOP') !== true) return;
    this.paused.add(id);
    this.changed();
  }

  goOn(id: NodeId): void {
    if (this.children.get(id)?.kill('SIGCONT') !== true) return;
    this.paused.delete(id);
    this.changed();
  }

  /** Starts a member that has ended. */
  start(id: NodeId): void {
    this.waiting.get(id)?.();
  }

  /** Sends something to a member, if it runs. */
  send(id: NodeId, message: object): void {
    const child = this.children.get(id);
    // One that is just ending is not told any more.
    if (child?.connected === true) child.send(message, () => {});
  }

  // For the launcher.

  /** Lets those go on that were paused here: they would not notice that they shall stop. */
  wake(): void {
    for (const id of this.paused) this.children.get(id)?.kill('SIGCONT');
  }

  began(id: NodeId, child: ChildProcess): void {
    this.children.set(id, child);
    child.on('message', (message) => this.told(id, message));
    this.changed();
  }

  ended(id: NodeId): void {
    this.children.delete(id);
    this.paused.delete(id);
    this.changed();
  }

  /** Resolves with true once somebody starts this member again, with false once all shall stop. */
  again(id: NodeId, stopping: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isWanted: boolean): void => {
        this.waiting.delete(id);
        stopping.removeEventListener('abort', stop);
        resolve(isWanted);
      };
      const stop = (): void => end(false);
      if (stopping.aborted) resolve(false);
      else stopping.addEventListener('abort', stop);
      this.waiting.set(id, () => end(true));
    });
  }
}
