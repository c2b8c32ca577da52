import { Choices } from './random.js';

/** A script as a list of its commands, each with its input on further lines. */
export type Script = readonly string[];

export function scriptText(script: Script): string {
  return script.map((command) => `${command}\n----\n\n`).join('');
}

const messageTypes = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTimeoutNow',
  'MsgProp',
  'MsgStorageAppendResp',
  'MsgStorageApplyResp',
];

const commands = {
  stabilize: 24,
  propose: 14,
  deliver: 16,
  ready: 14,
  thread: 12,
  campaign: 5,
  heartbeat: 5,
  election: 4,
  change: 7,
  transfer: 3,
  compact: 4,
  status: 2,
  state: 1,
  log: 2,
  unreachable: 2,
  snapshot: 3,
  forget: 2,
  timeout: 2,
  level: 1,
  join: 2,
  leave: 1,
};

/** Writes a script: a small cluster, mostly led, with everything that etcd's harness can do to it. */
class ScriptGenerator {
  readonly #choices: Choices;
  readonly #commands: string[] = [];
  readonly #options: string;
  readonly #async: boolean;
  #membership = '';
  /** Where the shortest log begins. */
  #base = 0;
  #nodes = 0;
  #proposals = 0;

  constructor(seed: number) {
    this.#choices = new Choices(seed);
    this.#async = this.#choices.chance(0.35);
    this.#options = this.#chooseOptions();
  }

  run(): Script {
    const choices = this.#choices;
    if (choices.chance(0.2)) this.#write(`log-level ${choices.pick(['info', 'warn', 'debug', 'error'])}`);
    this.#begin();
    if (choices.chance(0.85)) {
      this.#write(`campaign ${this.#node()}`);
      if (choices.chance(0.85)) this.#write(choices.chance(0.3) ? 'stabilize' : 'stabilize log-level=none');
    }
    const weights = choices.skewed(commands);
    const count = choices.between(5, 40);
    for (let i = 0; i < count; i++) this.#write(this.#command(choices.weighted(weights)));
    return this.#commands;
  }

  #write(command: string): void {
    this.#commands.push(command);
  }

  #chooseOptions(): string {
    const choices = this.#choices;
    let options = this.#async ? ' async-storage-writes=true' : '';
    if (choices.chance(0.35)) options += ' prevote=true';
    if (choices.chance(0.35)) {
      options += ' checkquorum=true';
      if (choices.chance(0.3)) options += ' read-only=lease-based';
    }
    if (choices.chance(0.3)) options += ' step-down-on-removal=true';
    if (choices.chance(0.1)) options += ' disable-conf-change-validation=true';
    if (choices.chance(0.4)) options += ` inflight=${choices.between(1, 4)}`;
    if (choices.chance(0.3)) options += ` max-committed-size-per-ready=${choices.between(1, 60)}`;
    return options;
  }

  #begin(): void {
    const choices = this.#choices;
    const count = choices.between(1, 5);
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const learners = count > 2 && choices.chance(0.25) ? [count] : [];
    const voters = ids.filter((id) => !learners.includes(id));
    this.#membership = ` voters=(${voters})${learners.length > 0 ? ` learners=(${learners})` : ''}`;
    if (count > 1 && choices.chance(0.2)) {
      // Logs of different lengths, as after a crash that a test of etcd's cannot have.
      this.#write(`add-nodes ${count - 1}${this.#membership} index=10${this.#options}`);
      this.#base = choices.pick([5, 8, 10]);
      this.#write(`add-nodes 1${this.#membership} index=${this.#base}${this.#options}`);
    } else {
      this.#base = choices.between(3, 12);
      this.#write(`add-nodes ${count}${this.#membership} index=${this.#base}${this.#options}`);
    }
    this.#nodes = count;
  }

  #node(): number {
    return this.#choices.between(1, this.#nodes);
  }

  #some(probability: number): number[] {
    const ids = Array.from({ length: this.#nodes }, (_, i) => i + 1);
    const some = this.#choices.some(ids, probability);
    return some.length > 0 ? some : [this.#node()];
  }

  #command(name: keyof typeof commands): string {
    const choices = this.#choices;
    switch (name) {
      case 'stabilize':
        return this.#stabilize();
      case 'propose':
        return `propose ${this.#node()} ${'d'.repeat(choices.pick([1, 1, 1, 5, 20]))}${this.#proposals++}`;
      case 'deliver':
        return this.#deliver();
      case 'ready':
        return `process-ready ${choices.chance(0.7) ? this.#node() : this.#some(0.5).join(' ')}`;
      case 'thread':
        return this.#async
          ? `process-${choices.pick(['append', 'append', 'apply'])}-thread ${this.#some(0.3).join(' ')}`
          : `process-ready ${this.#node()}`;
      case 'campaign':
        return `campaign ${this.#node()}`;
      case 'heartbeat':
        return `tick-heartbeat ${this.#node()}`;
      case 'election':
        return `tick-election ${this.#node()}`;
      case 'change':
        return this.#change();
      case 'transfer':
        return `transfer-leadership from=${this.#node()} to=${this.#node()}`;
      case 'compact':
        // Beyond the log it ends the script.
        return `compact ${this.#node()} ${this.#base + choices.below(2 + Math.floor(this.#proposals / 2))}`;
      case 'state':
        return 'raft-state';
      case 'log':
        return `raft-log ${this.#node()}`;
      case 'unreachable':
        return `report-unreachable ${this.#node()} ${this.#node()}`;
      case 'snapshot':
        return `send-snapshot ${this.#node()} ${this.#node()}`;
      case 'forget':
        return `forget-leader ${this.#node()}`;
      case 'status':
        return `status ${this.#node()}`;
      case 'timeout':
        return `set-randomized-election-timeout ${this.#node()} timeout=${choices.between(1, 6)}`;
      case 'level':
        return `log-level ${choices.pick(['debug', 'debug', 'info', 'none', 'error'])}`;
      case 'join':
        return this.#join();
      case 'leave':
        return `propose-conf-change ${this.#node()}`;
    }
  }

  #stabilize(): string {
    const choices = this.#choices;
    const ids = choices.chance(0.5) ? '' : ` ${this.#some(0.6).join(' ')}`;
    return `stabilize${ids}${choices.chance(0.15) ? ` log-level=${choices.pick(['none', 'info', 'debug'])}` : ''}`;
  }

  /** A partition is delivery to some and loss for others. */
  #deliver(): string {
    const choices = this.#choices;
    const to = choices.chance(0.85) ? this.#some(0.5) : [];
    const others = Array.from({ length: this.#nodes }, (_, i) => i + 1).filter((id) => !to.includes(id));
    const drop = choices.some(others, 0.4);
    const type = choices.chance(0.2) ? ` type=${choices.pick(messageTypes)}` : '';
    return `deliver-msgs${to.map((id) => ` ${id}`).join('')}${drop.length > 0 ? ` drop=(${drop})` : ''}${type}`;
  }

  #change(): string {
    const choices = this.#choices;
    const count = choices.pick([0, 1, 1, 1, 2, 2, 3]);
    const id = (): number => (choices.chance(0.04) ? 0 : choices.between(1, this.#nodes + 1));
    const changes = Array.from({ length: count }, () => `${choices.pick(['v', 'v', 'l', 'l', 'r', 'u'])}${id()}`);
    const first = count === 1 && choices.chance(0.3);
    const transition =
      first || choices.chance(0.55) ? '' : ` transition=${choices.pick(['auto', 'implicit', 'explicit'])}`;
    const head = `propose-conf-change ${this.#node()}${first ? ' v1=true' : ''}${transition}`;
    return changes.length > 0 ? `${head}\n${changes.join(' ')}` : head;
  }

  #join(): string {
    const choices = this.#choices;
    if (this.#nodes >= 7) return 'raft-state';
    this.#nodes++;
    const empty = choices.chance(0.7);
    return `add-nodes 1${empty ? '' : `${this.#membership} index=${choices.between(3, 12)}`}${this.#options}`;
  }
}

/** The script of this seed. */
export function generateScript(seed: number): Script {
  return new ScriptGenerator(seed).run();
}
