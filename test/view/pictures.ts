/**
 * Makes the pictures of the READMEs, and measures what the page costs: `npm run view:pictures`. Nothing compares them:
 * fonts differ from machine to machine.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { atRest, findBrowser, type Look, until, Viewer } from './browser.js';

const folder = fileURLToPath(new URL('../../../view/images/', import.meta.url));

const PICTURES: readonly (readonly [name: string, hash: string, look: Look, chosen: string])[] = [
  ['split-brain', 'scene=split-brain&at=560', { width: 1280, height: 860 }, ''],
  ['figure-7-dark', 'scene=figure-7&at=44', { width: 1280, height: 860, dark: true }, ''],
  ['phone', 'scene=election&at=70', { width: 360, height: 740 }, ''],
];

/** How much script each frame takes, in milliseconds, with nine members and more than 1,000 messages in each second. */
async function measure(page: Page): Promise<string> {
  await page.selectOption('#speed', '1');
  await page.click('#run');
  await until(page, 'raftView.player.time > 4000');
  await page.evaluate(
    'raftView.costs.length = 0; raftView.sentBefore = raftView.player.engine.chronicle.messages; raftView.timeBefore = raftView.player.time',
  );
  await until(page, 'raftView.costs.length >= 600');
  await page.click('#run');
  await atRest(page);
  return page.evaluate<string>(
    `(() => {
      const { costs, player } = raftView;
      const sorted = [...costs].sort((a, b) => a - b);
      const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(1);
      const seconds = (player.time - raftView.timeBefore) / 1000;
      const rate = Math.round((player.engine.chronicle.messages - raftView.sentBefore) / seconds);
      return rate + ' messages in a second of virtual time; script of a frame in ms: median ' + at(0.5) + ', 95 % ' + at(0.95) + ', 99 % ' + at(0.99) + ', most ' + at(1);
    })()`,
  );
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
