import { FAULTS, readSchedule } from '@raft-ts/sim';
import { drawnOrigin } from '../model/link.js';
import { KNOBS, type Knobs, type Origin } from '../model/origin.js';
import { button, byId, html, say } from './dom.js';

type Field = readonly [name: keyof Knobs, label: string, lowest: number, highest: number];

const FIELDS: readonly Field[] = [
  ['seed', 'Seed: the same one does the same again', 0, Number.MAX_SAFE_INTEGER],
  ['members', 'Members', 1, 9],
  ['electionTick', 'Election timeout, in ticks of 100 ms', 4, 1000],
  ['heartbeatTick', 'Heartbeats every … ticks', 1, 100],
  ['minDelay', 'Messages take at least … ms', 0, 5000],
  ['maxDelay', 'and at most … ms', 0, 5000],
  ['loss', 'Lost, of a hundred', 0, 100],
  ['load', 'Writes a second', 0, 500],
];

const CHECKS: readonly (readonly ['preVote' | 'checkQuorum' | 'leaseReads', string])[] = [
  ['preVote', 'PreVote: ask before an election'],
  ['checkQuorum', 'CheckQuorum: a leader without a majority steps down'],
  ['leaseReads', 'Reads by lease (unsafe if a process stands still)'],
];

function open(id: string): HTMLDialogElement {
  const dialog = byId(id, HTMLDialogElement);
  dialog.showModal();
  return dialog;
}

function numberInput(name: string, value: number | '', lowest: number, highest: number): HTMLInputElement {
  return html('input', {
    type: 'number',
    name,
    value: String(value),
    min: String(lowest),
    max: String(highest),
    step: '1',
  });
}

/** Lets somebody build a cluster of their own. */
export function startNewDialog(opened: (origin: Origin) => void): void {
  const form = byId('new-form', HTMLFormElement);
  form.append(html('h2', { id: 'new-title' }, 'A cluster of your own'));
  for (const [name, label, lowest, highest] of FIELDS) {
    form.append(html('label', {}, label, numberInput(name, KNOBS[name] as number, lowest, highest)));
  }
  for (const [name, label] of CHECKS) {
    const box = html('input', { type: 'checkbox', name });
    box.checked = KNOBS[name];
    form.append(html('label', {}, label, box));
  }
  const close = button('Cancel', () => byId('new-dialog', HTMLDialogElement).close());
  form.append(html('div', { class: 'row' }, html('button', { class: 'primary' }, 'Build it'), close));
  form.addEventListener('submit', () => opened({ kind: 'free', knobs: knobsFrom(new FormData(form)) }));
  byId('new').addEventListener('click', () => open('new-dialog'));
}

function knobsFrom(data: FormData): Knobs {
  const numbers = FIELDS.map(([name, , lowest, highest]) => {
    const value = Math.floor(Number(data.get(name)));
    return [name, Math.min(highest, Math.max(lowest, Number.isFinite(value) ? value : lowest))] as const;
  });
  const checks = CHECKS.map(([name]) => [name, data.get(name) === 'on'] as const);
  const knobs: Knobs = { ...KNOBS, ...Object.fromEntries([...numbers, ...checks]) };
  const heartbeatTick = Math.min(knobs.heartbeatTick, knobs.electionTick - 1);
  return { ...knobs, heartbeatTick, maxDelay: Math.max(knobs.minDelay, knobs.maxDelay) };
}

/** A run of the simulator: by its seed, or from the file of a schedule. */
export class OpenDialog {
  private readonly error: HTMLElement = html('p', { class: 'error', role: 'alert' });
  private readonly opened: (origin: Origin) => void;

  constructor(opened: (origin: Origin) => void) {
    this.opened = opened;
    const form = byId('open-form', HTMLFormElement);
    const file = html('input', { type: 'file', accept: '.json,application/json', id: 'schedule-file' });
    const faults = html('input', { type: 'text', name: 'faults', list: 'fault-names', placeholder: 'all' });
    form.append(
      html('h2', { id: 'open-title' }, 'Open a run of the simulator'),
      html('p', {}, 'A seed that raft-sim printed, with the options that it was drawn with:'),
      html('label', {}, 'Seed', numberInput('seed', 1, 0, Number.MAX_SAFE_INTEGER)),
      html('label', {}, 'Members (--members; empty: drawn)', numberInput('members', '', 1, 9)),
      html('label', {}, 'Seconds (--seconds)', numberInput('seconds', 30, 1, 3600)),
      html('label', {}, 'Faults (--faults)', faults),
      html('datalist', { id: 'fault-names' }, ...FAULTS.map((value) => html('option', { value }))),
      html(
        'div',
        { class: 'row' },
        html('button', { class: 'primary' }, 'Open the seed'),
        button('Cancel', () => this.close()),
      ),
      html('p', {}, 'Or a schedule that it wrote:'),
      html('label', { for: 'schedule-file' }, 'File', file),
      this.error,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.openSeed(new FormData(form));
    });
    file.addEventListener('change', () => void this.openFile(file.files?.[0]));
    byId('open').addEventListener('click', () => {
      say(this.error, '');
      open('open-dialog');
    });
  }

  private close(): void {
    byId('open-dialog', HTMLDialogElement).close();
  }

  private openSeed(data: FormData): void {
    const text = (name: string): string => {
      const value = data.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    const number = (name: string): number | undefined => (text(name) === '' ? undefined : Number(text(name)));
    const faults = text('faults');
    const members = number('members');
    this.attempt(() => {
      const wanted =
        faults === ''
          ? undefined
          : faults.split(',').map((name) => {
              const fault = FAULTS.find((known) => known === name.trim());
              if (fault === undefined)
                throw new Error(`there is no kind of fault "${name}"; they are ${FAULTS.join(', ')}`);
              return fault;
            });
      return drawnOrigin({
        seed: number('seed') ?? 1,
        safetyMs: 1000 * (number('seconds') ?? 30),
        ...(members === undefined ? {} : { members }),
        ...(wanted === undefined ? {} : { faults: wanted }),
      });
    });
  }

  /** Opens the file of a schedule, chosen or dropped on the page. */
  async openFile(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    const text = await file.text();
    this.attempt(() => ({ kind: 'case', case: readSchedule(text) }));
  }

  private attempt(make: () => Origin): void {
    try {
      this.opened(make());
      this.close();
    } catch (error) {
      const dialog = byId('open-dialog', HTMLDialogElement);
      if (!dialog.open) dialog.showModal();
      say(this.error, `Cannot open it: ${(error as Error).message}`);
    }
  }
}

const KEYS: readonly (readonly [string, string])[] = [
  ['Space', 'run or pause'],
  ['→', 'one event'],
  ['←', 'back by one event'],
  ['C', 'go on with the scene'],
  ['1 to 9', 'choose a member'],
  ['H', 'heal all links'],
  ['Esc', 'choose nothing'],
];

/** What this is, and the keys. */
export class HelpDialog {
  /** Single keys can be switched off: they get in the way of some ways to work with a page. */
  readonly keys: HTMLInputElement = html('input', { type: 'checkbox', id: 'keys-on' });

  constructor() {
    this.keys.checked = true;
    const list = html('dl');
    for (const [key, does] of KEYS) list.append(html('dt', {}, html('kbd', {}, key)), html('dd', {}, does));
    byId('help-form').append(
      // The focus begins here, and screen readers with it: further down they would skip the text.
      html('h2', { id: 'help-title', tabindex: '-1', autofocus: '' }, 'What this is'),
      html(
        'p',
        {},
        'A cluster of the Raft core that programs use, in this page: no server, and no toy beside the real thing. Disks, network and time are simulated, so you can stop it, go back, and break it. Whatever you do is in the address: send it to somebody, and they see the same.',
      ),
      html(
        'p',
        {},
        'Choose a member, a link or a message to act on it. Point at anything, an entry of a log too, and a sentence says what it is.',
      ),
      list,
      html('label', {}, 'These keys are on', this.keys),
      html('div', { class: 'row' }, html('button', { class: 'primary' }, 'Close')),
    );
    byId('help').addEventListener('click', () => open('help-dialog'));
  }
}
