import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { findBrowser, type Look, Viewer } from './browser.js';

/** Shows a page at an address, and closes it when it was looked at. */
export type Show = (hash: string, look: Look, does: (page: Page) => Promise<void>) => Promise<void>;

/**
 * For the tests of a `describe`: one browser, without which they are skipped aloud. After each nothing may have gone
 * wrong in a page, or been asked for outside it.
 */
export function inBrowser(): Show {
  let viewer: Viewer | undefined;

  before(async function () {
    const executable = findBrowser();
    if (executable === undefined) {
      console.log('      no Chromium here: install one, or name one in CHROMIUM');
      this.skip();
    }
    viewer = await Viewer.open(executable);
  });

  after(() => viewer?.close());

  afterEach(() => expect(viewer?.problems.splice(0) ?? []).to.deep.equal([]));

  return async (hash, look, does) => {
    const page = await (viewer as Viewer).page(hash, look);
    try {
      await does(page);
    } finally {
      await page.close();
    }
  };
}
