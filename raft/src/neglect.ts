import type { Logger } from './logger.js';

/** Proposals waiting before the first tick: a member that is not ticked never elects a leader. */
const WAITING_WITHOUT_TICK = 64;
/** Inputs without a tick: far more than a busy member takes between two ticks of a slow clock. */
const INPUTS_WITHOUT_TICK = 1_000_000;
/** Election timeouts during which the loop of Readys has not moved. */
const TIMEOUTS_WITHOUT_LOOP = 10;

/** The state of the loop of Readys. */
export interface LoopState {
  /** A Ready was handed out, and `advance()` has not been called. */
  readonly awaitsAdvance: boolean;
  /** The consumer waits for the next Ready. */
  readonly isWaiting: boolean;
  /** The next Ready would not be empty. */
  readonly hasWork: boolean;
}

/**
 * Warns of what the program around a node forgets: ticks, `advance()`, the loop itself. There is no clock here, so it
 * counts ticks, inputs and waiting calls. Each warning is given once, until the cause is gone.
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

  /** Notes how many proposals are waiting for a leader. */
  waits(waiting: number): void {
    if (this.ticks === 0 && waiting >= WAITING_WITHOUT_TICK) {
      this.tellOfTicks(`has ${waiting} proposals waiting for a leader`);
    }
  }

  /** Notes that a proposal waited for a leader in vain: its caller gave up, or the node was stopped. */
  waitedInVain(): void {
    if (this.ticks === 0) this.tellOfTicks('found no leader for a proposal, which was given up');
  }

  private tellOfTicks(what: string): void {
    if (this.toldOfTicks) return;
    this.toldOfTicks = true;
    this.logger.warn(
      `${this.name} ${what}, and tick() was not called: call it at a steady pace, or no leader is elected`,
    );
  }

  /**
   * Counts a tick of a member without a membership. If it knows a term, a leader is sending to it, but has only a
   * snapshot that does not name it.
   */
  knowsNobody(heardOfTerm: boolean): void {
    if (++this.ticksAlone !== this.electionTick * TIMEOUTS_WITHOUT_LOOP) return;
    this.logger.warn(
      heardOfTerm
        ? `${this.name} hears from a leader but has no membership after ${this.ticksAlone} ticks: the leader's snapshot does not name it; make a new snapshot there, with the ConfState that applyConfChange() returned last`
        : `${this.name} has no membership and has heard from no leader in ${this.ticksAlone} ticks: propose a change that adds it at a member of its cluster, and tell the members its address; a founder of a new cluster begins with startNode`,
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
          `${this.name} the consumer of ready() waits for the next Ready but has not called advance() for the last one`,
        );
      }
      return;
    }
    this.ticksWithoutLoop = awaitsAdvance || hasWork ? this.ticksWithoutLoop + 1 : 0;
    if (this.ticksWithoutLoop !== this.electionTick * TIMEOUTS_WITHOUT_LOOP) return;
    this.logger.warn(
      awaitsAdvance
        ? `${this.name} has waited ${this.ticksWithoutLoop} ticks for advance(): the work of a Ready hangs, or its loop was left; call advance(), or stop() the node`
        : `${this.name} has had work for ${this.ticksWithoutLoop} ticks that nobody consumes: iterate over ready(), or stop() the node`,
    );
  }

  /** Notes that a Ready was handed out, or its work is done. */
  moved(): void {
    this.ticksAwaitingAdvance = 0;
    this.ticksWithoutLoop = 0;
  }
}
