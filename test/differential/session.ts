import { decodeConfState, decodeMessage, decodeSnapshot } from '@raft-ts/proto';
import {
  type ConfChange,
  type ConfChangeV2,
  type Config,
  decodeConfChange,
  decodeConfChangeV2,
  describeConfState,
  type Entry,
  type HardState,
  type InitialState,
  isEmptyHardState,
  isEmptySnap,
  type Logger,
  MemoryStorage,
  type Message,
  MessageType,
  RaftError,
  RaftPanic,
  RawNode,
  type Ready,
  type Snapshot,
} from '@raft-ts/raft';
import { assertInvariants, validateIncoming } from '@raft-ts/raft/internal';
import { dump, readyText, statusText } from './inspect.js';
import { Draws } from './random.js';

/** What a line of a session came to on this side. */
export type Answer =
  /** It was carried out; `changed` if it changed what the member knows. */
  | { readonly kind: 'text'; readonly text: string; readonly changed: boolean }
  /** A broken invariant, as in etcd: the session is over. */
  | { readonly kind: 'panic'; readonly text: string }
  /** It was refused (etcd panics or goes astray) and changed nothing: for a reason, or with "CODE: TEXT". */
  | { readonly kind: 'refused'; readonly reason: string };

/** Warnings that etcd does not have: about what an application forgets, and a snapshot that its receiver cannot use. */
const ownWarnings = / without a call of applyConfChangeEntry\(\) for it: | has only a snapshot at index /;

/** Storage that can be told to have no snapshot at hand. */
class SessionStorage extends MemoryStorage {
  busy = false;
  /** etcd skips the membership changes up to `applied`: to it the ConfState counts there, whatever the snapshot. */
  applied = 0;

  override initialState(): InitialState {
    return this.applied === 0 ? super.initialState() : { ...super.initialState(), confStateIndex: this.applied };
  }

  override snapshot(): Snapshot {
    if (this.busy) {
      throw new RaftError('ERR_RAFT_SNAPSHOT_TEMPORARILY_UNAVAILABLE', 'snapshot is temporarily unavailable');
    }
    return super.snapshot();
  }
}

/** Starts a member. Where `applied` lies outside the log we refuse with a code, and etcd panics with this text. */
function orEtcdsPanic(config: Config): RawNode {
  try {
    return new RawNode(config);
  } catch (error) {
    if (!(error instanceof RaftError) || error.reason !== 'applied-beyond-log') throw error;
    const { storage, applied } = config;
    const before = storage.firstIndex() - 1;
    const commit = storage.initialState().hardState?.commit ?? before;
    throw new RaftPanic(
      'applied-in-range',
      `applied(${applied}) is out of range [prevApplied(${before}), committed(${commit})]`,
    );
  }
}

/** A member of a session. */
export interface Member {
  readonly storage: SessionStorage;
  node: RawNode;
  async: boolean;
  /** Writes that were asked for and not done. */
  appends: Message[];
  /** The dump that was last answered. */
  shown: string;
}

/** Errors of calls whose text etcd returns too; every other one is a refusal of ours. */
const etcdErrors = new Set([
  'ERR_RAFT_PROPOSAL_DROPPED',
  'ERR_RAFT_STEP_LOCAL_MSG',
  'ERR_RAFT_STEP_PEER_NOT_FOUND',
  'ERR_RAFT_COMPACTED',
  'ERR_RAFT_SNAP_OUT_OF_DATE',
  'ERR_RAFT_BOOTSTRAP',
]);

type Options = { -readonly [Key in keyof Config]?: Config[Key] };

function payload(word: string): Uint8Array | undefined {
  return word === '-' ? undefined : Uint8Array.from(Buffer.from(word.slice(1), 'hex'));
}

function bytes(word: string): Uint8Array {
  return payload(word) as Uint8Array;
}

function confChange([form, data]: readonly string[]): ConfChange | ConfChangeV2 {
  return form === '1' ? decodeConfChange(bytes(data as string)) : decodeConfChangeV2(bytes(data as string));
}

/**
 * A set of members that are driven line by line; `session.go` is the same over etcd's raft. The lines, and what is
 * answered to them, are in docs/differential.md.
 */
export class Session {
  readonly members: Map<string, Member> = new Map();
  /** The Ready of the last `ready`. */
  lastReady: Ready | undefined;
  #draws = new Draws(0);
  #text = '';
  #debug = false;
  readonly #logger: Logger;

  constructor() {
    const line = (level: string) => (message: string) => {
      this.#text += `${level} ${message}\n`;
    };
    const debugEnabled = (): boolean => this.#debug;
    this.#logger = {
      get debugEnabled() {
        return debugEnabled();
      },
      debug: line('D'),
      info: line('I'),
      warn: (message) => {
        if (!ownWarnings.test(message)) line('W')(message);
      },
      error: line('E'),
    };
  }

  answer(line: string): Answer {
    const words = line.split(' ');
    const [command, id] = words as [string, string];
    if (command === 'rand') {
      this.#draws = new Draws(Number(id));
      return { kind: 'text', text: '.\n', changed: false };
    }
    this.#text = '';
    const drawn = this.#draws.count;
    try {
      this.#run(command, id, words.slice(2));
    } catch (error) {
      return this.#failure(error, this.members.get(id));
    }
    const member = this.members.get(id) as Member;
    assertInvariants(member.node.raft);
    if (this.#draws.count !== drawn) this.#say('drew', String(this.#draws.count - drawn));
    const now = dump(member.node);
    const changed = now !== member.shown;
    if (changed) {
      member.shown = now;
      this.#text += `= ${now}\n`;
    }
    return { kind: 'text', text: `${this.#text}.\n`, changed };
  }

  #failure(error: unknown, member: Member | undefined): Answer {
    if (error instanceof RaftPanic && error.rule !== 'invariant') {
      return { kind: 'panic', text: `${this.#text}panic: ${error.message.replaceAll('\n', ' ')}\n` };
    }
    if (!(error instanceof Refused)) {
      throw error;
    }
    if (this.#text !== '' || (member !== undefined && dump(member.node) !== member.shown)) {
      throw new Error(`refused (${error.message}), and something changed`);
    }
    return { kind: 'refused', reason: error.message };
  }

  #run(command: string, id: string, args: readonly string[]): void {
    const [first = '', second = '', third = ''] = args;
    if (command === 'new' || command === 'restart') {
      this.#start(command === 'new' ? new SessionStorage() : this.#member(id).storage, id, args);
      return;
    }
    const { node } = this.#member(id);
    switch (command) {
      case 'tick':
        for (let i = 0; i < Number(first); i++) node.tick();
        break;
      case 'quiesce':
        node.tickQuiesced();
        break;
      case 'campaign':
        node.campaign();
        break;
      case 'forget':
        node.forgetLeader();
        break;
      case 'propose':
        this.#result(() => node.propose(payload(first)));
        break;
      case 'change':
        this.#result(() => node.proposeConfChange(confChange(args)));
        break;
      case 'apply':
        this.#result(() => this.#say('cs', describeConfState(node.applyConfChange(confChange(args)))));
        break;
      case 'step':
        this.#step(this.#member(id), decodeMessage(bytes(first)));
        break;
      case 'unreachable':
        node.reportUnreachable(BigInt(first));
        break;
      case 'snapshot-status':
        node.reportSnapshot(BigInt(first), second === '1' ? 'finish' : 'failure');
        break;
      case 'transfer':
        node.transferLeadership(BigInt(first));
        break;
      case 'read':
        node.readIndex(bytes(first));
        break;
      case 'bootstrap':
        this.#bootstrap(node, args);
        break;
      case 'status':
        this.#text += statusText(node.status(), node);
        break;
      default:
        this.#store(this.#member(id), command, [first, second, third]);
    }
  }

  /** What concerns a member's log. */
  #store(member: Member, command: string, [first, second, third]: readonly [string, string, string]): void {
    const { storage, node } = member;
    switch (command) {
      case 'ready':
        this.#ready(member);
        break;
      case 'advance':
        node.advance();
        break;
      case 'append': {
        const { term, vote, commit, entries, snapshot } = member.appends.shift() as Message;
        this.#write(member, { term, vote, commit }, entries, snapshot);
        break;
      }
      case 'compact':
        this.#result(() => storage.compact(Number(first)));
        break;
      case 'snapshot':
        this.#result(() => storage.createSnapshot(Number(first), decodeConfState(bytes(second)), payload(third)));
        break;
      case 'busy':
        storage.busy = first === '1';
        break;
      default:
        throw new Error(`unknown line ${command}`);
    }
  }

  #member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) {
      throw new Error(`there is no member ${id}`);
    }
    return member;
  }

  #start(storage: SessionStorage, id: string, args: readonly string[]): void {
    const options: Options = {};
    for (const arg of args) {
      const [key, value = ''] = arg.split('=');
      if (key === 'boot') this.#result(() => storage.applySnapshot(decodeSnapshot(bytes(value))));
      else if (key === 'debug') this.#debug = true;
      else readOption(options, key as string, value);
    }
    const config: Config = {
      electionTick: 10,
      heartbeatTick: 1,
      maxInflightMsgs: 256,
      maxSizePerMsg: Number.POSITIVE_INFINITY,
      // etcd has no guard.
      guardConfChanges: false,
      ...options,
      id: BigInt(id),
      storage,
      logger: this.#logger,
      random: (n) => this.#draws.below(n),
    };
    const { applied = 0 } = config;
    const commit = storage.initialState().hardState?.commit ?? storage.firstIndex() - 1;
    // etcd panics; here the commit is raised to it.
    if (applied > commit && applied <= storage.lastIndex()) throw new Refused('applied-above-commit');
    storage.applied = applied;
    let node: RawNode | undefined;
    this.#result(() => {
      node = orEtcdsPanic(config);
      node.raft.limitsForeignSnapshots = false;
      node.raft.guardsSoleReads = false;
      node.raft.retriesLeavingJoint = false;
      node.raft.holdsVoteRequests = false;
      node.raft.answersEarlierVotes = false;
    });
    const started = { node: node as unknown as RawNode, async: config.asyncStorageWrites ?? false };
    this.members.set(id, { storage, ...started, appends: [], shown: '' });
  }

  #step({ node, async }: Member, message: Message): void {
    const verdict = validateIncoming(node.raft, message, async);
    this.#result(() => node.step(message));
    // One that comes from nowhere has been answered with an error, as by etcd.
    if (verdict === 'drop' && this.#text === '') throw new Refused('drop');
  }

  #bootstrap(node: RawNode, args: readonly string[]): void {
    const peers = args.map((arg) => {
      const [id, text] = arg.split('=') as [string, string];
      const context = payload(text);
      return context === undefined ? { id: BigInt(id) } : { id: BigInt(id), context };
    });
    this.#result(() => node.bootstrap(peers));
  }

  /** Takes a Ready and does its writes; with asynchronous storage they are left for `append`. */
  #ready(member: Member): void {
    const rd = member.node.ready();
    this.lastReady = rd;
    this.#text += readyText(rd);
    if (member.async) {
      member.appends.push(...rd.messages.filter((m) => m.type === MessageType.MsgStorageAppend));
    } else {
      this.#write(member, rd.hardState, rd.entries, rd.snapshot);
    }
  }

  #write(
    { storage }: Member,
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: Snapshot | undefined,
  ): void {
    if (hardState !== undefined && !isEmptyHardState(hardState)) storage.setHardState(hardState);
    if (!isEmptySnap(snapshot)) this.#result(() => storage.applySnapshot(snapshot));
    storage.append(entries);
  }

  #say(label: string, text: string): void {
    this.#text += `${label} ${text}\n`;
  }

  /** Makes a call and says what error it returned, if etcd's returns that too. */
  #result(call: () => unknown): void {
    try {
      call();
    } catch (error) {
      if (!(error instanceof RaftError)) {
        throw error;
      }
      if (etcdErrors.has(error.code)) {
        this.#say('!', error.message);
      } else if (error.code === 'ERR_RAFT_MESSAGE_INVALID') {
        throw new Refused(error.reason, { cause: error });
      } else if (error.code === 'ERR_RAFT_SNAPSHOT_MEMBERSHIP') {
        // etcd makes a snapshot that nobody can start from.
        throw new Refused(error.code, { cause: error });
      } else if (error.code !== 'ERR_RAFT_CONF_CHANGE_REFUSED') {
        // That one is the leader's empty entry in the place of the change, of which etcd's caller learns nothing.
        throw new Refused(`${error.code}: ${error.message}`, { cause: error });
      }
    }
  }
}

class Refused extends Error {}

const sizes = new Map<string, keyof Options>([
  ['election', 'electionTick'],
  ['heartbeat', 'heartbeatTick'],
  ['applied', 'applied'],
  ['message-size', 'maxSizePerMsg'],
  ['committed-size', 'maxCommittedSizePerReady'],
  ['uncommitted-size', 'maxUncommittedEntriesSize'],
  ['inflight', 'maxInflightMsgs'],
  ['inflight-bytes', 'maxInflightBytes'],
]);

const switches = new Map<string, keyof Options>([
  ['async', 'asyncStorageWrites'],
  ['check-quorum', 'checkQuorum'],
  ['pre-vote', 'preVote'],
  ['no-forwarding', 'disableProposalForwarding'],
  ['no-validation', 'disableConfChangeValidation'],
  ['step-down', 'stepDownOnRemoval'],
]);

function readOption(options: Options, key: string, value: string): void {
  const size = sizes.get(key);
  const flag = switches.get(key);
  if (size !== undefined) Object.assign(options, { [size]: Number(value) });
  else if (flag !== undefined) Object.assign(options, { [flag]: true });
  else if (key === 'lease') options.readOnlyOption = 'ReadOnlyLeaseBased';
  else throw new Error(`unknown option ${key}`);
}
