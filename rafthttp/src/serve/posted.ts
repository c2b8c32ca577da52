import type { IncomingMessage } from 'node:http';
import { type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { decodeMessageInTurns, surveyMessage } from '@raft-ts/proto/internal';
import { DECODE_TURN_BYTES, MAX_POSTED, MAX_POSTED_BYTES, MAX_POSTED_BYTES_PER_SENDER } from '../base/limits.js';
import type { Refusal } from '../base/refusals.js';
import { Waiting, type WaitingLimits } from '../base/waiting.js';
import type { Gateway } from '../member/gateway.js';
import { BodyReader } from './body.js';
import type { ReceivedBytes } from './received-bytes.js';
import { Turns, type Work } from './turns.js';

const limits: WaitingLimits = {
  messages: MAX_POSTED,
  bytes: MAX_POSTED_BYTES,
  bytesPerSender: MAX_POSTED_BYTES_PER_SENDER,
};

const undecodable: Refusal = { status: 400, text: 'error unmarshalling raft message' };

/** A message that came by POST, and the length of its body, which is not retained. */
export interface Posted {
  readonly message: Message;
  readonly bytes: number;
}

/** Unanswered POSTs: bodies being read, messages being decoded, messages being processed. */
export class PostedMessages {
  private readonly gateway: Gateway;
  private readonly bodies: BodyReader;
  private readonly turns = new Turns();
  private readonly messages = new Waiting(limits);
  private readonly proposals = new Waiting(limits);

  /** @param idleMs how long a body may take to bring `BODY_PACE_BYTES`, or to end */
  constructor(gateway: Gateway, idleMs: number) {
    this.gateway = gateway;
    this.bodies = new BodyReader(idleMs);
  }

  /** Reads the message of a request, or returns why it is refused. Long ones are decoded in turns. */
  async read(req: IncomingMessage, sender: NodeId | undefined): Promise<Posted | Refusal> {
    const body = await this.bodies.read(req);
    if ('status' in body) return body;
    try {
      const message = await this.turns.run(decodeBody(body.bytes, this.gateway, sender));
      return 'status' in message ? message : { message, bytes: body.length };
    } catch {
      return undecodable;
    } finally {
      body.release();
    }
  }

  /**
   * Takes a place among the messages being processed. Returns a function that gives it back; undefined if too many
   * wait.
   *
   * @param sender the member in whose name the message came
   */
  enter({ message, bytes }: Posted, sender: string): (() => void) | undefined {
    // Proposals wait for a leader, however long that takes; they must not keep out the messages that elect one.
    return (message.type === MessageType.MsgProp ? this.proposals : this.messages).enter(sender, bytes);
  }
}

/** Decodes the message, after judging it by its head before any of it is built. */
function* decodeBody(body: ReceivedBytes, gateway: Gateway, sender: NodeId | undefined): Work<Message | Refusal> {
  const bytes = yield* body.join();
  const head = yield* surveyMessage(bytes, DECODE_TURN_BYTES);
  const early = gateway.headRefusal(head, sender);
  if (early !== undefined) return { status: 400, text: early };
  const message = yield* decodeMessageInTurns(bytes, DECODE_TURN_BYTES);
  const late = gateway.refusal(message, sender);
  return late === undefined ? message : { status: 400, text: late };
}
