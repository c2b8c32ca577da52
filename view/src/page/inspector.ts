import type { Message } from '@raft-ts/proto';
import type { Act } from '../model/act.js';
import { explainCell, explainDot, explainLink, explainMember } from '../model/explain.js';
import { nameOf, titleOf } from '../model/names.js';
import { cellsOf, type Dot, pictureOf } from '../model/picture.js';
import type { Choice } from './choice.js';
import { button, byId, html, say } from './dom.js';
import type { Player } from './player.js';

/** How much later a message arrives for each click. */
const DELAY_MS = 500;

/** What somebody has chosen, in words, and what can be done to it. */
export class Inspector {
  private readonly player: Player;
  private readonly choose: (choice: Choice | undefined) => void;
  private shown = '';

  constructor(player: Player, choose: (choice: Choice | undefined) => void) {
    this.player = player;
    this.choose = choose;
  }

  show(chosen: Choice | undefined, dots: readonly Dot[]): void {
    const { title, text } = this.words(chosen, dots);
    say(byId('chosen-title'), title);
    say(byId('chosen-text'), text);
    this.buttons(chosen, dots);
  }

  private words(chosen: Choice | undefined, dots: readonly Dot[]): { title: string; text: string } {
    const { world, client } = this.player.engine;
    if (chosen === undefined) {
      return {
        title: 'Break something',
        text: 'Choose a member, a link or a message in the picture: what can be done to it stands here.',
      };
    }
    switch (chosen.kind) {
      case 'member':
        return { title: `Member ${nameOf(chosen.slot)}`, text: explainMember(world, chosen.slot) };
      case 'link':
        return {
          title: `Link ${nameOf(chosen.from)} and ${nameOf(chosen.to)}`,
          text: explainLink(world, chosen.from, chosen.to),
        };
      case 'message': {
        const dot = dots.find(({ message }) => message === chosen.message);
        const text = dot === undefined ? 'It has arrived, or is lost.' : explainDot(dot, this.player.time);
        return { title: titleOf(chosen.message, Number(chosen.message.from) - 1), text };
      }
      case 'entry': {
        const cell = cellsOf(world, pictureOf(world, chosen.slot), chosen.index, chosen.index)[0];
        return {
          title: `Entry ${chosen.index} of ${nameOf(chosen.slot)}`,
          text: cell === undefined ? 'It is no longer there.' : explainCell(world, client, cell),
        };
      }
    }
  }

  /** Builds the buttons again only if others are wanted: whoever is on one of them stays there. */
  private buttons(chosen: Choice | undefined, dots: readonly Dot[]): void {
    const key = this.keyOf(chosen, dots);
    if (key === this.shown) return;
    const box = byId('chosen-acts');
    const focused = box.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset['name']
      : undefined;
    this.shown = key;
    const made = chosen === undefined ? [] : this.make(chosen, dots);
    box.replaceChildren(...made);
    if (focused === undefined) return;
    const again = made.find((element) => (element as HTMLElement).dataset['name'] === focused);
    ((again as HTMLElement | undefined) ?? box.querySelector<HTMLElement>('button:not(:disabled)'))?.focus();
  }

  private keyOf(chosen: Choice | undefined, dots: readonly Dot[]): string {
    const { world } = this.player.engine;
    if (chosen === undefined) return 'nothing';
    if (chosen.kind === 'message')
      return `message ${dots.find(({ message }) => message === chosen.message)?.key ?? 'over'}`;
    if (chosen.kind === 'link') {
      const { from, to } = chosen;
      return `link ${from} ${to} ${world.network.isOpen(from, to)} ${world.network.isOpen(to, from)}`;
    }
    if (chosen.kind === 'entry') return 'entry';
    const member = world.members[chosen.slot];
    const leader = world.leader()?.slot;
    const links = world.members.map(
      ({ slot }) =>
        Number(world.network.isOpen(chosen.slot, slot)) + 2 * Number(world.network.isOpen(slot, chosen.slot)),
    );
    return `member ${chosen.slot} ${member?.isUp} ${member?.isFrozen} ${member?.isGone} ${leader} ${links.join('')} ${this.player.engine.isOver}`;
  }

  private make(chosen: Choice, dots: readonly Dot[]): readonly Element[] {
    switch (chosen.kind) {
      case 'member':
        return this.forMember(chosen.slot);
      case 'link':
        return this.forLink(chosen.from, chosen.to);
      case 'message':
        return this.forMessage(chosen.message, dots);
      case 'entry':
        return [];
    }
  }

  private does(name: string, text: string, act: Act, isPossible = true): HTMLButtonElement {
    const made = button(text, () => this.player.act(act), { 'data-name': name });
    made.disabled = !isPossible || this.player.engine.isOver;
    return made;
  }

  private forMember(who: number): readonly Element[] {
    const { world } = this.player.engine;
    const member = world.members[who];
    if (member === undefined || member.isGone) return [];
    const { isUp, isFrozen } = member;
    const runs = isUp && !isFrozen;
    const leads = world.leader()?.slot === who;
    const links = world.members.filter(({ slot, isGone }) => slot !== who && !isGone);
    return [
      isUp ? this.does('power', 'Crash', { kind: 'crash', who }) : this.does('power', 'Start', { kind: 'start', who }),
      isFrozen
        ? this.does('freeze', 'Go on', { kind: 'thaw', who })
        : this.does('freeze', 'Freeze', { kind: 'freeze', who }, isUp),
      this.does('isolate', 'Isolate', { kind: 'isolate', who }),
      this.does('campaign', 'Campaign', { kind: 'campaign', who }, runs && !leads),
      this.does('transfer', 'Make it lead', { kind: 'transfer', who }, runs && !leads && world.leader() !== undefined),
      this.does('snapshot', 'Snapshot', { kind: 'snapshot', who }, isUp),
      this.does('remove', 'Remove', { kind: 'change', who, value: 0 }, world.leader() !== undefined && !leads),
      this.does('replace', 'Replace', { kind: 'change', who, value: 1 }, world.leader() !== undefined && !leads),
      this.does('add', 'Add a member', { kind: 'change', who: -1, value: 1 }, world.leader() !== undefined),
      ...(world.leader()?.node?.raft.trk.config.voters.isJoint === true
        ? [this.does('leave', 'Leave joint', { kind: 'leave' })]
        : []),
      html('h3', {}, `Links of ${nameOf(who)}: pressed means cut`),
      ...links.flatMap(({ slot }) => [this.toggle(who, slot), this.toggle(slot, who)]),
    ];
  }

  private toggle(who: number, to: number): HTMLButtonElement {
    const isOpen = this.player.engine.world.network.isOpen(who, to);
    const made = this.does(`${who}-${to}`, `${nameOf(who)} → ${nameOf(to)}`, {
      kind: isOpen ? 'cut' : 'open',
      who,
      to,
    });
    made.setAttribute('aria-pressed', String(!isOpen));
    made.setAttribute('aria-label', `${nameOf(who)} → ${nameOf(to)}, cut`);
    return made;
  }

  private forLink(from: number, to: number): readonly Element[] {
    const { network } = this.player.engine.world;
    const isWhole = network.isOpen(from, to) && network.isOpen(to, from);
    const both = button(
      isWhole ? 'Cut both ways' : 'Open both ways',
      () => {
        const kind = isWhole ? 'cut' : 'open';
        this.player.act({ kind, who: from, to });
        this.player.act({ kind, who: to, to: from });
      },
      { 'data-name': 'both' },
    );
    return [this.toggle(from, to), this.toggle(to, from), both];
  }

  private forMessage(message: Message, dots: readonly Dot[]): readonly Element[] {
    const dot = dots.find((each) => each.message === message);
    if (dot === undefined) return [];
    return [
      this.does('lose', 'Lose it', { kind: 'lose', value: dot.key }),
      this.does('delay', `Delay by ${DELAY_MS} ms`, { kind: 'delay', value: dot.key, ms: DELAY_MS }),
      button('Choose nothing', () => this.choose(undefined), { 'data-name': 'none' }),
    ];
  }
}
