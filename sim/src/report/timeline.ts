import { RULES } from '../base/violation.js';
import type { Finding } from '../run/run.js';
import type { Arrow, Lanes, Phase } from './recording.js';
import { describeTime } from './summary.js';

const LANE = 64;
const TOP = 40;
const LEFT = 90;
/** Width of the picture for each message that is shown, so that a busy moment is not a black spot. */
const PER_MESSAGE = 14;

/** Spreads moments over the width: by the number of messages between them, since much happens at once, then nothing. */
class Scale {
  readonly width: number;
  private readonly moments: readonly number[];

  constructor(moments: readonly number[]) {
    this.moments = [...new Set(moments)].sort((a, b) => a - b);
    this.width = LEFT + this.moments.length * PER_MESSAGE + 40;
  }

  x(at: number): number {
    let low = 0;
    let high = this.moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.moments[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return LEFT + low * PER_MESSAGE;
  }
}

const y = (slot: number): number => TOP + slot * LANE + LANE / 2;

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Returns a page, complete in itself, that shows the end of a run: who led, who was down, what was sent and lost. */
export function renderTimeline(
  recording: Lanes,
  { seed, settings }: { readonly seed: number; readonly settings: object },
  finding: Finding | undefined,
): string {
  const title = finding === undefined ? `Run of seed ${seed}` : `${finding.rule}: seed ${seed}`;
  const verdict =
    finding === undefined
      ? '<p>No rule was broken.</p>'
      : `<p class="verdict"><strong>${finding.rule}</strong> at event ${finding.event}, ${describeTime(finding.at)}: ${escapeHtml(finding.text)}</p>
<p>The rule: ${escapeHtml(RULES[finding.rule])}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${verdict}
<p>From ${describeTime(recording.begin)} to ${describeTime(recording.end)} of virtual time. Each member is a lane; a thick lane
leads, with its term. Arrows are messages; those that end in a cross were lost. The tables below say the same in words.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Timeline">${picture(recording, finding)}</div>
${tables(recording)}
<details><summary>Settings</summary><pre>${escapeHtml(JSON.stringify(settings, undefined, 2))}</pre></details>
</main>
</body>
</html>
`;
}

function picture(recording: Lanes, finding: Finding | undefined): string {
  const { begin, end, members } = recording;
  const arrows = recording.arrows.filter(({ sentAt }) => sentAt >= begin);
  const marks = recording.marks.filter(({ at }) => at >= begin);
  const moments = [...arrows.flatMap(({ sentAt, arrivedAt }) => [sentAt, arrivedAt ?? sentAt]), begin, end];
  const scale = new Scale([...moments, ...marks.map(({ at }) => at)]);
  const height = TOP + members * LANE + 30;
  const parts = [
    ...lanes(recording, scale),
    ...marks.map(
      ({ at, text }) =>
        `<g class="mark"><line x1="${scale.x(at)}" x2="${scale.x(at)}" y1="${TOP - 8}" y2="${height - 20}"/><text x="${scale.x(at) + 2}" y="${TOP - 12}">${escapeHtml(text.split(' ')[0] ?? '')}</text><title>${escapeHtml(`${describeTime(at)}: ${text}`)}</title></g>`,
    ),
    ...arrows.map((arrow) => drawArrow(arrow, scale)),
  ];
  if (finding !== undefined && finding.at >= begin) {
    const x = scale.x(finding.at);
    parts.push(
      `<g class="broken"><line x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${height - 20}"/><text x="${x - 4}" y="${height - 6}" text-anchor="end">${finding.rule}</text></g>`,
    );
  }
  const title = 'Members as lanes, from left to right in time, with the messages between them as arrows';
  return `<svg width="${scale.width}" height="${height}" role="img" aria-labelledby="picture-title"><title id="picture-title">${title}</title>
<defs><marker id="head" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 6 3 0 6z"/></marker></defs>
${parts.join('\n')}
</svg>`;
}

/** For each member its roles, one after the other. */
function lanes({ phases, members, begin, end }: Lanes, scale: Scale): string[] {
  return Array.from({ length: members }, (_, slot) => {
    const own = phases.filter((phase) => phase.slot === slot);
    const spans = own.map((phase, i) => span(phase, own[i + 1]?.at ?? end, { begin, scale }));
    return `<text class="name" x="8" y="${y(slot) + 4}">member ${slot + 1}</text>${spans.join('')}`;
  });
}

function span({ slot, at, role, term }: Phase, until: number, shown: { begin: number; scale: Scale }): string {
  const { begin, scale } = shown;
  if (until < begin) return '';
  const from = scale.x(Math.max(at, begin));
  const label = role === 'StateLeader' ? `leads, term ${term}` : role.replace('State', '').toLowerCase();
  const text =
    role === 'StateFollower' || role === 'gone' || role === 'down'
      ? ''
      : `<text class="role" x="${from + 2}" y="${y(slot) - 8}">${label}</text>`;
  return `<line class="${role}" x1="${from}" x2="${scale.x(until)}" y1="${y(slot)}" y2="${y(slot)}"><title>member ${slot + 1}: ${label}</title></line>${text}`;
}

function drawArrow({ from, to, sentAt, arrivedAt, isLost, text }: Arrow, scale: Scale): string {
  const x1 = scale.x(sentAt);
  const title = `<title>${escapeHtml(`${describeTime(sentAt)}: ${text}${isLost ? ' (lost)' : ''}`)}</title>`;
  if (arrivedAt === undefined) {
    // It goes a little way only.
    const end = y(from) + (y(to) - y(from)) * 0.3;
    const cross = `M${x1 + 3} ${end - 3}l6 6m0 -6l-6 6`;
    return `<g class="lost"><line x1="${x1}" y1="${y(from)}" x2="${x1 + 6}" y2="${end}"/>${isLost ? `<path d="${cross}"/>` : ''}${title}</g>`;
  }
  return `<line class="arrow" x1="${x1}" y1="${y(from)}" x2="${scale.x(arrivedAt)}" y2="${y(to)}" marker-end="url(#head)">${title}</line>`;
}

function tables(recording: Lanes): string {
  const { begin } = recording;
  const row = (cells: readonly (string | number)[]): string =>
    `<tr>${cells.map((cell) => `<td>${escapeHtml(String(cell))}</td>`).join('')}</tr>`;
  const marks = recording.marks.filter(({ at }) => at >= begin);
  const actions = marks.map(({ event, at, text }) => row([event, describeTime(at), text]));
  const messages = recording.arrows.map(({ sentEvent, sentAt, text, arrivedAt, isLost }) =>
    row([
      sentEvent,
      describeTime(sentAt),
      text,
      isLost ? 'lost' : arrivedAt === undefined ? 'under way' : `arrives at ${describeTime(arrivedAt)}`,
    ]),
  );
  const table = (name: string, heads: readonly string[], rows: readonly string[]): string =>
    `<details><summary>${name} (${rows.length})</summary><table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></details>`;
  return [
    table('What was done', ['event', 'time', 'action'], actions),
    table('Messages', ['event', 'time', 'message', 'what became of it'], messages),
  ].join('\n');
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #59636e; --leader: #1a7f37; --candidate: #9a6700; --broken: #c01c28; --down: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9aa4ae; --leader: #4ac26b; --candidate: #d9a63a; --broken: #ff7b72; --down: #30363d; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem; }
.verdict { border-left: 4px solid var(--broken); padding-left: 1rem; }
.scroll { overflow-x: auto; border: 1px solid var(--down); }
.scroll:focus-visible { outline: 2px solid var(--leader); }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg line { stroke: var(--soft); stroke-width: 1.5; }
.StateLeader { stroke: var(--leader); stroke-width: 7; }
.StateCandidate, .StatePreCandidate { stroke: var(--candidate); stroke-width: 4; stroke-dasharray: 6 3; }
.down { stroke: var(--down); stroke-dasharray: 2 6; }
.gone { stroke: none; }
svg .arrow, svg .lost line, .lost path { stroke-width: 1; stroke: var(--soft); fill: none; }
.lost path { stroke: var(--broken); }
marker path { fill: var(--soft); }
.mark line { stroke: var(--candidate); stroke-dasharray: 1 3; }
.mark text { fill: var(--candidate); }
.broken line { stroke: var(--broken); stroke-width: 3; }
.broken text { fill: var(--broken); font-weight: bold; }
table { border-collapse: collapse; font-size: 14px; }
td, th { text-align: left; padding: 2px 12px 2px 0; vertical-align: top; }
pre { white-space: pre-wrap; }
`;
