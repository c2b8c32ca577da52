import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { faultsOf, listen, told } from './assistive.js';
import { PATIENCE_MS, playScene, until } from './browser.js';
import { inBrowser } from './page-tests.js';

describe('what a screen reader is given of the page', function () {
  this.timeout(2 * PATIENCE_MS);
  const show = inBrowser();
  const on = (hash: string, what: (page: Page) => Promise<void>): Promise<void> => show(hash, {}, what);

  for (const hash of ['scene=replication', 'replica=reads']) {
    it(`has a name for each control, one document, and one place where texts are read out: ${hash}`, () =>
      on(hash, async (page) => {
        expect(await faultsOf(page)).to.deep.equal([]);
      }));
  }

  it('is the name of an entry, and not the number that is drawn in its cell', () =>
    on('scene=replication', async (page) => {
      await playScene(page);
      const nodes = await told(page);
      const cells = nodes.filter(({ role }) => role?.value === 'gridcell');
      expect(cells.map(({ name }) => name?.value)).to.include('entry 3, term 2, w1, committed and applied');
      const parents = new Set(cells.map(({ nodeId }) => nodeId));
      const inside = nodes.filter(({ parentId }) => parents.has(parentId ?? ''));
      expect(inside.map(({ role, name }) => [role?.value, name?.value])).to.deep.equal([]);
    }));

  it('is the text of each chapter, once, and what matters of what happens', () =>
    on('scene=election', async (page) => {
      await listen(page);
      await playScene(page);
      await until(page, 'heard.some((text) => text.includes("leads in term 2: a majority voted for it."))');
      const says = await page.evaluate<string[]>(
        '[...raftView.player.engine.chapters.slice(1).map(({ say }) => say), raftView.player.engine.origin.scene.end("")]',
      );
      await until(page, `heard.includes(${JSON.stringify(says.at(-1))})`);
      const heard = await page.evaluate<string[]>('heard');
      expect(heard.filter((text) => says.includes(text))).to.deep.equal(says);
    }));

  it('is taken away again: it would be read once more when a dialog is closed that has covered the page', () =>
    on('scene=election', async (page) => {
      await until(page, 'document.getElementById("live").childElementCount > 0');
      await until(page, 'document.getElementById("live").childElementCount === 0');
    }));

  it('is read out alone, and not with what was read out before it', () =>
    on('scene=election', async (page) => {
      // Texts in one line would be one text.
      const first = 'document.getElementById("live").firstElementChild';
      await until(page, `${first} !== null && getComputedStyle(${first}).display === 'block'`);
    }));

  it('begins with the text of the help', () =>
    on('scene=election', async (page) => {
      await page.click('#help');
      expect(await page.evaluate('document.activeElement.id')).to.equal('help-title');
      await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.id')).to.equal('keys-on');
    }));
});
