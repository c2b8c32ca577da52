import type { Logger } from './logger.js';

/** So many proposals wait without any tick: a member that is not ticked never elects anybody. */
const WAITING_WITHOUT_TICK = 64;
/** So many inputs came without any tick: far more than a busy member takes between two ticks of a slow clock. */
const INPUTS_WITHOUT_TICK = 1_000_000;
/** So many election timeouts passed while the loop of Readys stood still. */
const TIMEOUTS_WITHOUT_LOOP = 10;

/** How the loop of Readys stands. */
export interface LoopState {
  /** A Ready was given, and `advance()` not called. */
  readonly awaitsAdvance: boolean;
  /** The consumer waits for the next Ready. */
  readonly isWaiting: boolean;
  /** There is something for a Ready to say. */
  readonly hasWork: boolean;
}

/**
 * Tells what the program around a node forgets: ticks, `advance()`, the loop itself. There is no clock here, so it
 * counts: ticks, inputs, and calls that wait. Each is told once, until it is mended.
 */
export class Neglect {
  private readonly name: string;
  private readonly electionTick: number;
  private readonly logger: Logger;
  private ticks = 0;
  private inputsSinceTick = 0;
  private toldOfTicks = false;
  private ticksAwaitingAdvance = 0;
  private ticksWithoutLoop = 0;
  private ticksAlone = 0;

  constructor(id: bigint, electionTick: number, logger: Logger) {
    this.name = `raft.node: ${id.toString(16)}`;
    this.electionTick = electionTick;
    this.logger = logger;
  }

  input(): void {
    if (++this.inputsSinceTick === INPUTS_WITHOUT_TICK) this.tellOfTicks(`took ${INPUTS_WITHOUT_TICK} inputs`);
  }

  /** So many proposals wait for a leader now. */
  waits(waiting: number): void {
    if (this.ticks === 0 && waiting >= WAITING_WITHOUT_TICK) {
      this.tellOfTicks(`has ${waiting} proposals waiting for a leader`);
    }
  }

  /** A proposal has waited for a leader in vain: its caller gave up, or the node was stopped. */
  waitedInVain(): void {
    if (this.ticks === 0) this.tellOfTicks('found no leader for a proposal, which was given up');
  }

  private tellOfTicks(what: string): void {
    if (this.toldOfTicks) return;
    this.toldOfTicks = true;
    this.logger.warn(`${this.name} ${what}, and tick() was not called: call it at a steady pace, or nobody is elected`);
  }

  /**
   * One more tick of a member that has no membership. Does it know a term? Then a leader speaks to it, and has only a
   * snapshot for it that does not name it.
   */
  knowsNobody(heardOfTerm: boolean): void {
    if (++this.ticksAlone !== this.electionTick * TIMEOUTS_WITHOUT_LOOP) return;
    this.logger.warn(
      heardOfTerm
        ? `${this.name} hears a leader and has no membership after ${this.ticksAlone} ticks: the leader's snapshot does not name it; make a new snapshot there, with the ConfState that applyConfChange() returned last`
        : `${this.name} has no membership and heard of no leader in ${this.ticksAlone} ticks: propose a change that adds it at a member of its cluster, and let the members send to where it listens; a founder of a new cluster begins with startNode`,
    );
  }

  tick({ awaitsAdvance, isWaiting, hasWork }: LoopState): void {
    this.ticks++;
    this.inputsSinceTick = 0;
    this.toldOfTicks = false;
    if (isWaiting) {
      this.ticksWithoutLoop = 0;
      if (awaitsAdvance && ++this.ticksAwaitingAdvance === this.electionTick) {
        this.logger.warn(
          `${this.name} the consumer of ready() waits for the next Ready without having called advance()`,
        );
      }
      return;
    }
    this.ticksWithoutLoop = awaitsAdvance || hasWork ? this.ticksWithoutLoop + 1 : 0;
    if (this.ticksWithoutLoop !== this.electionTick * TIMEOUTS_WITHOUT_LOOP) return;
    this.logger.warn(
      awaitsAdvance
        ? `${this.name} has waited ${this.ticksWithoutLoop} ticks for advance(): the work of a Ready hangs, or its loop was left; call advance(), or stop() the node`
        : `${this.name} has had work for ${this.ticksWithoutLoop} ticks that nobody takes: iterate over ready(), or stop() the node`,
    );
  }

  /** A Ready was given, or its work is done. */
  moved(): void {
    this.ticksAwaitingAdvance = 0;
    this.ticksWithoutLoop = 0;
  }
}
