/**
 * Makes the pictures of the READMEs, and measures what the page costs: `npm run view:pictures`. Nothing compares them:
 * fonts differ from machine to machine.
 */
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { atRest, findBrowser, type Look, until, Viewer } from './browser.js';

const folder = fileURLToPath(new URL('../../../view/images/', import.meta.url));

const PICTURES: readonly (readonly [name: string, hash: string, look: Look, chosen: string])[] = [
  ['split-brain', 'scene=split-brain&at=560', { width: 1280, height: 860 }, ''],
  ['figure-7-dark', 'scene=figure-7&at=44', { width: 1280, height: 860, dark: true }, ''],
  ['phone', 'scene=election&at=70', { width: 360, height: 740 }, ''],
];

/** Frames that are measured, and those before them in which tracing begins. */
const FRAMES = { measured: 600, before: 60 } as const;

function spread(costs: readonly number[]): string {
  const sorted = costs.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return `median ${at(0.5)}, 95 % ${at(0.95)}, 99 % ${at(0.99)}, most ${at(1)}`;
}

/**
 * How much script each frame takes, in milliseconds, with nine members and more than 1,000 messages in each second: by
 * the clock, which also counts what other programs do meanwhile, and on the processor, in frames after those. A frame
 * is the call in which the page lets the run go on and draws. What the browser does after it (style, layout, paint) is
 * not in it, but its collection of garbage is, where it comes in the midst of that call.
 */
async function measure(page: Page): Promise<string> {
  const frames = (count: number) => async (): Promise<void> => {
    while ((await page.evaluate<number>('raftView.costs.length')) < count) await delay(200);
  };
  const begin = (): Promise<void> => page.evaluate('raftView.costs.length = 0');
  await page.selectOption('#speed', '1');
  await page.click('#run');
  await until(page, 'raftView.player.time > 4000');
  await begin();
  const now = (): Promise<[number, number]> =>
    page.evaluate('[raftView.player.engine.chronicle.messages, raftView.player.time]');
  const [sent, time] = await now();
  await frames(FRAMES.measured)();
  const byClock = await page.evaluate<number[]>('raftView.costs');
  const [sentNow, timeNow] = await now();
  await begin();
  const traced = await viewer.frames(page, frames(FRAMES.before + FRAMES.measured));
  await page.click('#run');
  await atRest(page);
  const costs = traced.slice(FRAMES.before);
  const collected = costs.filter(({ collection }) => collection > 0).map(({ collection }) => collection);
  const rate = Math.round((sentNow - sent) / ((timeNow - time) / 1000));
  return [
    `${rate} messages in a second of virtual time; script of a frame in ms:`,
    `  by the clock: ${spread(byClock)}`,
    `  on the processor: ${spread(costs.map(({ all }) => all))}`,
    `  on the processor, without collection: ${spread(costs.map(({ all, collection }) => all - collection))}`,
    `  collection came in the midst of ${collected.length} of ${costs.length} frames, and took ${spread(collected)}`,
  ].join('\n');
}

const executable = findBrowser();
if (executable === undefined) throw new Error('no Chromium here: install one, or name one in CHROMIUM');
const viewer = await Viewer.open(executable);
try {
  await mkdir(folder, { recursive: true });
  for (const [name, hash, look, chosen] of PICTURES) {
    const page = await viewer.page(hash, look);
    if (chosen !== '') await page.click(chosen);
    await atRest(page);
    await page.screenshot({ path: `${folder}${name}.png` });
    await page.close();
  }
  const page = await viewer.page('seed=1&n=9&load=30', { width: 1280, height: 900 });
  console.log(await measure(page));
} finally {
  await viewer.close();
}
