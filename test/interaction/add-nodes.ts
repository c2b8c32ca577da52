import { type Config, type ConfState, quoteBytes, type Snapshot } from '@raft-ts/raft';
import { assertInvariants } from '@raft-ts/raft/internal';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import { parseBool, parseInteger, parseUint } from '../datadriven/scan.js';
import { encodeText } from '../datadriven/text.js';
import { firstId, parsePosition, toNodeId } from './arguments.js';
import { CommandError } from './errors.js';
import { ScriptNode, ScriptStorage } from './script-node.js';
import type { World } from './world.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type NodeOptions = Mutable<Omit<Config, 'id' | 'storage' | 'logger'>>;

/** What the arguments of `add-nodes` say; the snapshot's index stays 0 if nodes begin empty. */
interface Plan {
  readonly options: NodeOptions;
  readonly voters: bigint[];
  readonly learners: bigint[];
  index: number;
}

/** What a value of each argument does. */
const readers = new Map<string, (plan: Plan, text: string) => void>([
  ['voters', (plan, text) => plan.voters.push(parseUint(text))],
  ['learners', (plan, text) => plan.learners.push(parseUint(text))],
  [
    'index',
    (plan, text) => {
      plan.index = parsePosition(text);
      plan.options.applied = plan.index;
    },
  ],
  [
    'content',
    () => {
      throw new ScriptAbort('unsupported type *[]uint8 for destination #1 (might be easy to add it)');
    },
  ],
  [
    'read-only',
    (plan, text) => {
      if (text !== 'safe' && text !== 'lease-based') {
        throw new CommandError(`invalid read-only option ${quoteBytes(encodeText(text))}`);
      }
      plan.options.readOnlyOption = text === 'safe' ? 'ReadOnlySafe' : 'ReadOnlyLeaseBased';
    },
  ],
  ['inflight', option('maxInflightMsgs', parseInteger)],
  ['async-storage-writes', option('asyncStorageWrites', parseBool)],
  ['prevote', option('preVote', parseBool)],
  ['checkquorum', option('checkQuorum', parseBool)],
  ['max-committed-size-per-ready', option('maxCommittedSizePerReady', parsePosition)],
  ['disable-conf-change-validation', option('disableConfChangeValidation', parseBool)],
  ['step-down-on-removal', option('stepDownOnRemoval', parseBool)],
]);

function option<K extends keyof NodeOptions>(
  name: K,
  convert: (text: string) => NonNullable<NodeOptions[K]>,
): (plan: Plan, text: string) => void {
  return (plan, text) => {
    plan.options[name] = convert(text);
  };
}

function readPlan(directive: Directive): Plan {
  const options: NodeOptions = {
    electionTick: 3,
    heartbeatTick: 1,
    maxSizePerMsg: Number.POSITIVE_INFINITY,
    maxInflightMsgs: 2 ** 31 - 1,
    // etcd has no guard.
    guardConfChanges: false,
    // Every run of a script is the same: timeouts are the shortest unless the script sets them.
    random: () => 0,
  };
  const plan: Plan = { options, voters: [], learners: [], index: 0 };
  for (const { key, values } of directive.args) {
    const read = readers.get(key);
    for (const value of values) {
      read?.(plan, value);
    }
  }
  return plan;
}

/** Storage that begins with the plan's snapshot, or empty. */
function createStorage(plan: Plan): ScriptStorage {
  const confState: ConfState = {
    voters: plan.voters,
    learners: plan.learners,
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const bootstrap = plan.index !== 0 || plan.voters.length > 0 || plan.learners.length > 0;
  const snapshot: Snapshot = { data: undefined, metadata: { confState, index: plan.index, term: bootstrap ? 1 : 0 } };
  const storage = new ScriptStorage(snapshot);
  if (bootstrap) {
    if (plan.index <= 1) {
      throw new CommandError('index must be specified as > 1 due to bootstrap');
    }
    storage.applySnapshot(snapshot);
    if (storage.firstIndex() !== plan.index + 1) {
      throw new CommandError(`failed to establish first index ${plan.index + 1}; got ${storage.firstIndex()}`);
    }
  }
  return storage;
}

/** `add-nodes N [voters=(…)] [learners=(…)] [index=I] […]`: N nodes with the next ids, all alike. */
export function addNodes(world: World, directive: Directive): void {
  const count = firstId(directive);
  const plan = readPlan(directive);
  for (let i = 0; i < count; i++) {
    const id = toNodeId(world.nodes.length + 1);
    const storage = createStorage(plan);
    const node = new ScriptNode({ ...plan.options, id, storage, logger: world.output }, storage);
    assertInvariants(node.rawNode.raft);
    world.nodes.push(node);
  }
}
