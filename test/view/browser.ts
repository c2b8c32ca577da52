import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { buildPage } from '@raft-ts/view/build';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser of this machine: the one that CHROMIUM names, or one that is on the path; undefined if there is none. */
export function findBrowser(): string | undefined {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path));
}

/** Root, as in a container, has no sandbox. */
export function launchArgs(): string[] {
  return process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}

/**
 * Longer than anything here takes where a browser and members share a busy machine; only what never comes gets there.
 * A test has twice as long, so that what it waits for is what is told.
 */
export const PATIENCE_MS = 120_000;

/** Opens a page that waits so long for what it is to click, or to load. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** How a page is to be looked at. */
export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly still?: boolean;
}

/** Something that Chromium traces; its times are in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  /** How long its thread had the processor. */
  readonly tdur?: number;
}

/** What a frame took of the processor, in milliseconds. */
export interface FrameCost {
  /** The whole of what the page does in it (the call for an animation frame), and what was collected in its midst. */
  readonly all: number;
  /** The collection of garbage in it, as far as the page had to wait for it. */
  readonly collection: number;
}

/** A browser, and the page as a file. */
export class Viewer {
  /** Everything that went wrong in the pages, and every request that was not for the file itself. */
  readonly problems: string[] = [];
  private readonly browser: Browser;
  private readonly folder: string;
  private readonly url: string;

  private constructor(browser: Browser, folder: string, url: string) {
    this.browser = browser;
    this.folder = folder;
    this.url = url;
  }

  static async open(executablePath: string): Promise<Viewer> {
    const folder = await mkdtemp(join(tmpdir(), 'raft-ts-view-'));
    const file = join(folder, 'page.html');
    await writeFile(file, await buildPage());
    const browser = await chromium.launch({ executablePath, args: launchArgs(), timeout: PATIENCE_MS });
    return new Viewer(browser, folder, pathToFileURL(file).href);
  }

  /** Opens the page at an address: what stands after its `#`. */
  async page(hash: string, { width = 1280, height = 900, dark = false, still = false }: Look = {}): Promise<Page> {
    const page = await newPage(this.browser, {
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: still ? 'reduce' : 'no-preference',
    });
    page.on('pageerror', (error) => this.problems.push(`${hash}: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(`${hash}: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(this.url) && request.url() !== 'data:,')
        this.problems.push(`asks for ${request.url()}`);
    });
    await page.goto(hash === '' ? this.url : `${this.url}#${hash}`);
    await atRest(page);
    return page;
  }

  /**
   * What each frame of a page took on the processor while something went on, in their order. Only the thread of the
   * page is counted. Meanwhile nothing else may ask for frames, as `until` does: those would be counted, too.
   */
  async frames(page: Page, meanwhile: () => Promise<void>): Promise<FrameCost[]> {
    await this.browser.startTracing(page, { categories: ['devtools.timeline', 'v8'] });
    await meanwhile();
    const trace = JSON.parse((await this.browser.stopTracing()).toString()) as { readonly traceEvents: TraceEvent[] };
    const ofName = (...names: string[]): Required<TraceEvent>[] =>
      trace.traceEvents.filter(
        (event): event is Required<TraceEvent> => names.includes(event.name) && event.tdur !== undefined,
      );
    const collections = ofName('MinorGC', 'MajorGC');
    return ofName('FireAnimationFrame')
      .sort((a, b) => a.ts - b.ts)
      .map(({ pid, tid, ts, dur, tdur }) => ({
        all: tdur / 1000,
        collection: collections
          .filter((one) => one.pid === pid && one.tid === tid && one.ts >= ts && one.ts < ts + dur)
          .reduce((sum, one) => sum + one.tdur / 1000, 0),
      }));
  }

  async close(): Promise<void> {
    await this.browser.close();
    await rm(this.folder, { recursive: true });
  }
}

/**
 * Waits until an expression holds in the page, and returns its value. Looked at in the page itself, whose policy
 * forbids to compile any; and at each frame, so what is true between two looks from here is not missed.
 */
export function until<T = unknown>(page: Page, expression: string): Promise<T> {
  return page.evaluate<T>(
    `new Promise((done, fail) => {
      const end = performance.now() + ${PATIENCE_MS};
      const look = () => {
        try {
          const value = ${expression};
          if (value) done(value);
          else if (performance.now() > end) fail(new Error('it never came to this: ' + ${JSON.stringify(expression)}));
          else requestAnimationFrame(look);
        } catch (error) {
          fail(error);
        }
      };
      look();
    })`,
  );
}

/** Waits until what is shown now is drawn. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))');
}

/** Waits until the run stands still, and what is shown is drawn. */
export async function atRest(page: Page): Promise<void> {
  await until(page, '!raftView.player.isRunning && !raftView.player.isReplaying');
  await drawn(page);
  await until(page, 'raftView.isDrawn !== false');
}

/** Plays the scene that is open to its end, by the button that goes on. */
export async function playScene(page: Page): Promise<void> {
  await page.evaluate('raftView.player.speed = 40');
  // More than any scene has chapters.
  for (let i = 0; i < 20; i++) {
    if (await page.evaluate('raftView.player.engine.chapter >= raftView.player.engine.chapters.length')) return;
    await page.click('#continue');
    await atRest(page);
  }
}
