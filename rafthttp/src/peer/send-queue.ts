import type { Message } from '@raft-ts/proto';
import { QUEUE_BYTES } from '../base/limits.js';
import { payloadBytes } from './payload.js';

/** Messages that wait for one channel, oldest first; bounded in number and in payload bytes. */
export class SendQueue {
  private readonly capacity: number;
  private messages: (Message | undefined)[] = [];
  private head = 0;
  private bytes = 0;

  /** @param capacity most messages that may wait */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.messages.length - this.head;
  }

  /** Adds a message; returns false if the queue is full. */
  push(message: Message): boolean {
    const size = payloadBytes(message);
    const waiting = this.length;
    if (waiting >= this.capacity || (waiting > 0 && this.bytes + size > QUEUE_BYTES)) return false;
    this.messages.push(message);
    this.bytes += size;
    return true;
  }

  /** Removes and returns the oldest message; undefined if there is none. */
  shift(): Message | undefined {
    const message = this.messages[this.head];
    if (message === undefined) return undefined;
    this.bytes -= payloadBytes(message);
    // Releases the message: a queue that never runs empty is compacted late.
    this.messages[this.head] = undefined;
    this.head++;
    if (this.head === this.messages.length) {
      this.messages.length = 0;
      this.head = 0;
    } else if (this.head >= this.capacity) {
      this.messages = this.messages.slice(this.head);
      this.head = 0;
    }
    return message;
  }

  /** Removes and returns all messages. */
  clear(): Message[] {
    const rest = this.messages.slice(this.head).filter((message) => message !== undefined);
    this.messages = [];
    this.head = 0;
    this.bytes = 0;
    return rest;
  }
}
