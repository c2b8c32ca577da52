import { once } from 'node:events';
import { createServer } from 'node:net';
import { formatPeers } from '@raft-ts/raftexample/internal';
import axe from 'axe-core';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freePeers, type Program, Programs } from '../raftexample/processes.js';
import { findBrowser, launchArgs, until } from './browser.js';

const executable = findBrowser();

/** A number of which the twenty ports after it are free now. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 30_000);
    const servers = Array.from({ length: 20 }, () => createServer());
    const listening = servers.map(
      (server, i) =>
        new Promise<boolean>((resolve) => {
          server.once('error', () => resolve(false));
          server.listen(first + 1 + i, '127.0.0.1', () => resolve(true));
        }),
    );
    const areFree = (await Promise.all(listening)).every((each) => each);
    await Promise.all(servers.filter(({ listening: open }) => open).map((server) => once(server.close(), 'close')));
    if (areFree) return first;
  }
}

describe('the page of a running store, in a browser', function () {
  const programs = new Programs();
  let store: Program;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  before(async function () {
    if (executable === undefined) {
      console.log('      no Chromium here: install one, or name one in CHROMIUM');
      this.skip();
    }
    store = programs.start('store.js', ['--page', '--members', '3', '--ports', String(await freePorts())]);
    const line = await store.sees(/see it, and break it: http/u);
    browser = await chromium.launch({ executablePath: executable, args: launchArgs() });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
    await page.goto(/http:\S+/u.exec(line)?.[0] ?? '');
  });

  after(async () => {
    await browser?.close();
    await programs.endAll();
  });

  const members = 'raftLive.cluster.members';
  const leads = `${members}.findIndex(({ role, isFrozen }) => role === "leader" && !isFrozen)`;
  const leader = async (): Promise<number> => {
    await until(page, `${leads} >= 0`);
    return page.evaluate<number>(leads);
  };
  /** What can be done to it stands there from the next frame on; until then, what could be done to another. */
  const choose = async (slot: number): Promise<void> => {
    await page.click(`.place:nth-child(${slot + 1}) .member`);
    await until(page, `document.getElementById("chosen-title").textContent === "Member n${slot + 1}"`);
  };
  const press = (name: string): Promise<void> => page.click(`#chosen-acts button:text-is("${name}")`);

  it('shows who leads, and lets a client write and read', async () => {
    await leader();
    let asked = 0;
    for (const id of ['write', 'read', 'lease-read', 'stale-read']) {
      await page.click(`#${id}`);
      asked++;
      const told = '[...document.querySelectorAll("#requests li")].map(({ dataset }) => dataset.verdict)';
      await until(page, `${told}.length === ${asked} && !${told}.includes("waiting")`);
    }
    const told = (await page.textContent('#requests')) ?? '';
    expect(told).to.match(/✓ done: write w1 at (n\d)\. \1 answered: w1 is committed\./u);
    expect(told).to.contain('A majority confirmed the leader');
    expect(told).to.contain('The lease of the leader vouches for it');
    expect(told).to.contain('Nobody else was asked');
  });

  it('kills a member, and starts it again', async () => {
    const slot = ((await leader()) + 1) % 3;
    await choose(slot);
    await page.keyboard.press('Escape');
    await until(page, 'document.getElementById("chosen-title").textContent === "Break something"');
    expect(await page.locator('#chosen-acts button').count()).to.equal(0);
    await choose(slot);
    await press('Kill');
    await until(page, `${members}[${slot}].role === "down"`);
    await press('Start');
    await until(page, `${members}[${slot}].role === "follower" && ${members}[${slot}].last > 0`);
  });

  it('pauses the leader, so that another one is elected, and lets it go on', async () => {
    const old = await leader();
    await choose(old);
    await press('Pause');
    await until(page, `${leads} >= 0 && ${leads} !== ${old}`);
    expect(await page.evaluate(`${members}[${old}].isFrozen`)).to.equal(true);
    await press('Continue');
    await until(page, `${members}[${old}].role === "follower" && !${members}[${old}].isFrozen`);
  });

  it('cuts the leader off, one way too, and heals', async () => {
    const old = await leader();
    const other = (old + 1) % 3;
    await choose(old);
    await press(`n${other + 1} → n${old + 1}`);
    await until(page, `!raftLive.cluster.isOpen(${other}, ${old}) && raftLive.cluster.isOpen(${old}, ${other})`);
    await press('Isolate');
    await until(page, `${leads} >= 0 && ${leads} !== ${old}`);
    await page.click('#heal');
    await until(page, `raftLive.cluster.isOpen(${old}, ${other}) && ${members}[${old}].role === "follower"`);
    await page.click('#slow');
    await until(page, 'raftLive.cluster.slowMs === 300');
    await page.click('#slow');
    await until(page, 'raftLive.cluster.slowMs === 0');
  });

  it('shows election timers, and who voted for whom', async () => {
    const slot = ((await leader()) + 1) % 3;
    await until(page, `${members}[${slot}].timeout >= 10 && ${members}[${slot}].elapsed < ${members}[${slot}].timeout`);
    await choose(slot);
    const text = await page.textContent('#chosen-text');
    expect(text).to.match(/voted|has not voted/u);
    expect(text).to.match(/It campaigns after \d+ ticks without a leader; \d+ have passed\./u);
  });

  it('loses and delays the next message, and slows down one direction, by click', async () => {
    const from = await leader();
    const to = (from + 1) % 3;
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    await page.evaluate(`raftLive.choose({ kind: "link", from: ${low}, to: ${high} })`);
    const link = `n${from + 1} → n${to + 1}`;
    const noted = (text: string): Promise<void> =>
      until(page, `raftLive.cluster.notes.some(({ text }) => /${text} as you asked/.test(text))`);
    await page.click(`#chosen-acts button[aria-label="Lose it: the next message, ${link}"]`);
    await noted('is lost,');
    await page.click(`#chosen-acts button[aria-label^="Delay by 500 ms: the next message, ${link}"]`);
    await noted('is held back,');
    await page.click(`#chosen-acts button[aria-label="${link}, slow"]`);
    await until(
      page,
      `raftLive.cluster.delayOf(${from}, ${to}) === 500 && raftLive.cluster.delayOf(${to}, ${from}) === 0`,
    );
    // The timeline draws it, in another way than what is cut, and the text beside it and the log say it.
    const says = `What n${from + 1} sends to n${to + 1} arrives 500 ms later.`;
    await until(page, 'document.querySelector("#timeline .delay") !== null');
    await until(page, `document.getElementById("timeline-text").textContent.endsWith(" ${says}")`);
    await until(page, `document.getElementById("events").textContent.includes("${says}")`);
    expect(await page.getAttribute('#timeline svg', 'aria-label')).to.contain(says);
    await page.click('#heal');
    await until(page, `raftLive.cluster.delayOf(${from}, ${to}) === 0`);
    await until(page, '!document.getElementById("timeline-text").textContent.includes("later")');
  });

  it('slows a link down by the keyboard alone, which stays where it is', async () => {
    await choose(0);
    await page.focus('#chosen-acts button[aria-label="n1 – n2: choose this link"]');
    await page.keyboard.press('Enter');
    await until(page, 'document.getElementById("chosen-title").textContent === "Link n1 and n2"');
    const isOnButton = 'document.activeElement.matches("#chosen-acts button")';
    await until(page, isOnButton);
    for (let i = 0; i < 4; i++) {
      if (await page.evaluate('document.activeElement.getAttribute("aria-label") === "n1 → n2, slow"')) break;
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await until(page, 'raftLive.cluster.delayOf(0, 1) === 500');
    await until(
      page,
      'document.activeElement.matches("#chosen-acts [aria-label=\\"n1 → n2, slow\\"][aria-pressed=true]")',
    );
    await page.click('#heal');
    await until(page, 'raftLive.cluster.delayOf(0, 1) === 0');
  });

  it('says of a message that it is the next one that can be lost, and loses that', async () => {
    await until(page, 'document.querySelector("#stage .dot:not([display]) circle") !== null');
    await page.evaluate(
      'document.querySelector("#stage .dot:not([display])").dispatchEvent(new PointerEvent("pointerdown"))',
    );
    await until(page, '/^Msg\\w+, n. → n.$/.test(document.getElementById("chosen-title").textContent)');
    expect(await page.textContent('#chosen-text')).to.contain('what you can lose or delay is the next one of its kind');
    const name = (await page.textContent('#chosen-title'))?.split(',')[0] ?? '';
    await page.click('#chosen-acts button:text-is("Lose it")');
    // Heartbeats and their answers come by themselves; others come when somebody writes.
    await page.click('#write');
    await until(
      page,
      `raftLive.cluster.notes.some(({ text }) => text.startsWith("${name} of") && /is lost/.test(text))`,
    );
  });

  it('splits a side from the others', async () => {
    await page.check('#sides label:nth-child(1) input');
    await page.click('#split');
    await until(
      page,
      '!raftLive.cluster.isOpen(0, 1) && !raftLive.cluster.isOpen(2, 0) && raftLive.cluster.isOpen(1, 2)',
    );
    await page.click('#heal');
    await until(page, 'raftLive.cluster.isOpen(0, 1)');
    await leader();
  });

  it('keeps the last two minutes in its timeline, however long somebody watches', async () => {
    await leader();
    // As it will be ten minutes from now, drawn and looked at in one go.
    const drawn = await page.evaluate<{ moments: string[]; left: number }>(
      `(() => {
        const { cluster, timeline } = raftLive;
        const now = 600_000;
        timeline.show(3, cluster.timeline, now, now, now - 120_000);
        const texts = [...document.querySelectorAll('#timeline .axis-text')].map(({ textContent }) => textContent);
        const spans = [...document.querySelectorAll('#timeline .span, #timeline .rate')];
        return {
          moments: texts.filter((text) => text.endsWith(' s')),
          left: Math.min(...spans.map((span) => Number(span.getAttribute('x')))),
        };
      })()`,
    );
    expect(drawn.moments[0]).to.equal('480 s');
    expect(drawn.moments.at(-1)).to.equal('600 s');
    expect(drawn.left, 'what began before begins where the timeline does').to.equal(44);
  });

  it('has no fault that axe finds, at 1280 and 360 px, and fits', async () => {
    await choose(0);
    await page.evaluate(axe.source);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(width);
      const { violations } = await page.evaluate<axe.AxeResults>('axe.run(document)');
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('; ')}`)).to.deep.equal(
        [],
      );
    }
    expect(problems).to.deep.equal([]);
  });
});

describe('the page of a running hello cluster, in a browser', function () {
  const programs = new Programs();
  let browser: Browser;

  before(function () {
    if (executable === undefined) {
      console.log('      no Chromium here: install one, or name one in CHROMIUM');
      this.skip();
    }
  });

  after(async () => {
    await browser?.close();
    await programs.endAll();
  });

  it('shows its members, cuts its leader off, and has no client that could ask', async () => {
    const flags = ['--page', '--memory', '--peers', formatPeers(await freePeers(3)), '--hello-after', '0'];
    const launcher = programs.start('cluster.js', flags);
    const line = await launcher.sees(/see it, and break it: http/u);
    browser = await chromium.launch({ executablePath: executable as string, args: launchArgs() });
    const page = await browser.newPage();
    await page.goto(/http:\S+/u.exec(line)?.[0] ?? '');
    const members = 'raftLive.cluster.members';
    const leads = `${members}.findIndex(({ role }) => role === "leader")`;
    await until(page, `${leads} >= 0 && ${members}.every(({ applied }) => applied > 4)`);
    const old = await page.evaluate<number>(leads);
    expect(await page.textContent('#title')).to.equal('the hello cluster');
    expect(await page.isVisible('#client')).to.equal(false);
    await page.click(`.place:nth-child(${old + 1}) .member`);
    await page.click('#chosen-acts button:text-is("Isolate")');
    await until(page, `${members}.some(({ role }, slot) => role === "leader" && slot !== ${old})`);
    await page.click('#heal');
    await until(page, `${members}[${old}].role === "follower"`);
  });
});
