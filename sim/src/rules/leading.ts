import { type Entry, type Message, NONE } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Leadership } from '../member/leadership.js';
import type { Member } from '../member/member.js';

/** A leader's count of the payload that it has appended and not applied, against the entries themselves. */
export function uncommittedSize({ id, led }: Member, { raftLog, uncommittedSize: size }: Raft): void {
  if (led === undefined) return;
  const { payloads, base, earlier } = led;
  const last = raftLog.lastIndex();
  const known = base + payloads.length - 1;
  if (last > known) {
    const entries = raftLog.slice(known + 1, last + 1, Number.POSITIVE_INFINITY);
    for (const entry of entries as readonly Entry[]) {
      payloads.push((payloads.at(-1) as number) + (entry.data?.length ?? 0));
    }
  }
  const own = (payloads[last - base] as number) - (payloads[Math.max(0, raftLog.applied - base)] as number);
  // Those of earlier leaders were not counted, but count as applied: the sum may be too small by them, never too large.
  if (size <= own && size >= own - earlier) return;
  throw new Violation(
    'uncommitted-size',
    `Member ${id} leads and counts ${size} bytes as uncommitted; its entries that are not applied hold ${own}.`,
  );
}

/** A leader after a step: to whom it hands leadership over. */
export function transferSeen(led: Leadership, { leadTransferee }: Raft): void {
  if (leadTransferee === led.transferee) return;
  led.transferee = leadTransferee;
  led.transferBegan = led.ticks;
  if (leadTransferee !== NONE) led.renewed = led.ticks;
}

/** A leader has heard from a member in its term. */
export function heardFrom({ led }: Member, { from }: Message): void {
  if (led !== undefined) led.heard[Number(from) - 1] = led.ticks;
}

/** A leader's clock has ticked. */
export function transferBounded({ id, leadsTerm }: Member, led: Leadership, electionTick: number): void {
  if (led.transferee === NONE || led.ticks - led.transferBegan <= electionTick) return;
  throw new Violation(
    'transfer-bounded',
    `Member ${id} leads in term ${leadsTerm} and has handed over to ${led.transferee} for ${led.ticks - led.transferBegan} ticks; an election timeout has ${electionTick}.`,
  );
}

/** A leader that checks its quorum, when its clock has ticked. */
export function leaderInTouch({ id, leadsTerm }: Member, led: Leadership, { trk, electionTimeout }: Raft): void {
  const { incoming, outgoing } = trk.config.voters;
  const since = led.ticks - 2 * electionTimeout;
  if (since <= led.renewed) return;
  for (const half of [incoming, outgoing]) {
    if (half.size === 0) continue;
    const near = half.ids.filter((voter) => voter === id || (led.heard[Number(voter) - 1] ?? 0) >= since);
    if (2 * near.length > half.size) continue;
    throw new Violation(
      'leader-in-touch',
      `Member ${id} leads on in term ${leadsTerm}, although it has heard only ${near.length} of the voters ${half.ids.join(', ')} for two election timeouts.`,
    );
  }
}

/** A leader's clock has ticked: a joint configuration that ends by itself does so once nothing else is to be done. */
export function jointLeft({ id, leadsTerm }: Member, led: Leadership, raft: Raft): void {
  const { raftLog, trk, leadTransferee, electionTimeout } = raft;
  // While leadership is being handed over nothing is proposed, and a leader that was removed takes no proposals.
  const mayPropose = leadTransferee === NONE && trk.progress.has(id);
  if (!trk.config.autoLeave || !mayPropose || raftLog.applied < raftLog.lastIndex()) {
    led.idleInJoint = 0;
    return;
  }
  if (++led.idleInJoint <= electionTimeout) return;
  throw new Violation(
    'joint-left',
    `Member ${id} leads in term ${leadsTerm} and has applied its whole log for an election timeout, but stays in the configuration ${trk.config}.`,
  );
}
