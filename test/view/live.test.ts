import { formatPeers } from '@raft-ts/raftexample/internal';
import axe from 'axe-core';
import { expect } from 'chai';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freePeers, type Program, Programs } from '../raftexample/processes.js';
import { faultsOf, heard, listen } from './assistive.js';
import { drawn, findBrowser, launchArgs, newPage, PATIENCE_MS, until } from './browser.js';
import { freePorts, Writer } from './live-parts.js';

const executable = findBrowser();

describe('the page of a running store, in a browser', function () {
  this.timeout(2 * PATIENCE_MS);
  const programs = new Programs();
  let store: Program;
  let writer: Writer;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  before(async function () {
    if (executable === undefined) {
      console.log('      no Chromium here: install one, or name one in CHROMIUM');
      this.skip();
    }
    const ports = await freePorts();
    store = programs.start('store.js', ['--page', '--members', '3', '--ports', String(ports)]);
    const line = await store.sees(/see it, and break it: http/u);
    writer = new Writer([1, 2, 3].map((id) => `http://127.0.0.1:${ports + id}`));
    browser = await chromium.launch({ executablePath: executable, args: launchArgs(), timeout: PATIENCE_MS });
    page = await newPage(browser, { viewport: { width: 1280, height: 900 } });
    page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
    await page.goto(/http:\S+/u.exec(line)?.[0] ?? '');
  });

  after(async () => {
    await browser?.close();
    await writer?.stop();
    await writer?.client.close();
    await programs.endAll();
  });

  const members = 'raftLive.cluster.members';
  const leads = `${members}.findIndex(({ role, isFrozen }) => role === "leader" && !isFrozen)`;
  /** The slot of whom the page shows as leader. On a slow machine another one may lead the next moment. */
  const leader = async (): Promise<number> => (await until<number>(page, `${leads} + 1`)) - 1;
  /** The term of a leader that is another member than this one. */
  const termOfAnother = (slot: number): Promise<number> =>
    until<number>(page, `${leads} >= 0 && ${leads} !== ${slot} && ${members}[${leads}].term`);
  /** It runs, and knows what the others have decided: that it follows, unless it was elected in a later term. */
  const goesAlong = (slot: number, term: number): Promise<unknown> =>
    until(page, `!${members}[${slot}].isFrozen && ${members}[${slot}].term >= ${term} && ${members}[${slot}].lead > 0`);
  const isTitled = (text: string): Promise<unknown> =>
    until(page, `document.getElementById("chosen-title").textContent === ${JSON.stringify(text)}`);
  /** What can be done to it stands there from the next frame on; until then, what could be done to another. */
  const choose = async (slot: number): Promise<void> => {
    await page.click(`.place:nth-child(${slot + 1}) .member`);
    await isTitled(`Member n${slot + 1}`);
  };
  const press = (name: string): Promise<void> => page.click(`#chosen-acts button:text-is("${name}")`);
  /**
   * Has something done to a message from the leader, and waits until the page notes that; once more if another one
   * leads by then, because from a follower to another nothing comes.
   * @param act returns false if it came too late
   */
  const disturb = async (
    { message, note }: { readonly message: string; readonly note: string },
    act: (from: number, to: number) => Promise<boolean>,
  ): Promise<void> => {
    for (;;) {
      const from = await leader();
      const to = (from + 1) % 3;
      const before = await page.evaluate<number>('raftLive.cluster.count');
      if (!(await act(from, to))) continue;
      const newest = `raftLive.cluster.notes.slice(${before} - raftLive.cluster.count || Infinity)`;
      const noted = `/^${message} of n${from + 1} to n${to + 1} ${note}, as you asked/`;
      const isNoted = `${newest}.some(({ text }) => ${noted}.test(text))`;
      if ((await until(page, `(${isNoted} && "noted") || (${leads} !== ${from} && "over")`)) === 'noted') return;
    }
  };

  it('shows who leads, and lets a client write and read', async () => {
    await leader();
    const expected = {
      write: /✓ done: write w\d+ at (n\d)\. \1 answered: w\d+ is committed\./u,
      read: /✓ done: read at n\d\. .*A majority confirmed the leader/u,
      'lease-read': /✓ done: lease read at n\d\. .*The lease of the leader vouches for it/u,
      'stale-read': /✓ done: stale read at n\d\. .*Nobody else was asked/u,
    };
    const verdict = 'raftLive.requests.at(-1).verdict';
    for (const [id, told] of Object.entries(expected)) {
      // Where nobody leads for a while, the client is told so, and may ask again.
      do await page.click(`#${id}`);
      while ((await until(page, `${verdict} !== "waiting" && ${verdict}`)) !== 'done');
      await until(page, `${told}.test(document.querySelector("#requests li").textContent)`);
    }
  });

  it('kills a member, and starts it again', async () => {
    const slot = ((await leader()) + 1) % 3;
    await choose(slot);
    await page.keyboard.press('Escape');
    await isTitled('Break something');
    expect(await page.locator('#chosen-acts button').count()).to.equal(0);
    await choose(slot);
    await press('Kill');
    await until(page, `${members}[${slot}].role === "down"`);
    await press('Start');
    await until(
      page,
      `${members}[${slot}].role !== "down" && ${members}[${slot}].last > 0 && ${members}[${slot}].lead > 0`,
    );
  });

  it('pauses the leader, so that another one is elected, and lets it go on', async () => {
    const old = await leader();
    await choose(old);
    await press('Pause');
    await until(page, `${members}[${old}].isFrozen`);
    const term = await termOfAnother(old);
    await press('Continue');
    await goesAlong(old, term);
  });

  it('cuts the leader off, one way too, and heals', async () => {
    const old = await leader();
    const other = (old + 1) % 3;
    await choose(old);
    await press(`n${other + 1} → n${old + 1}`);
    await until(page, `!raftLive.cluster.isOpen(${other}, ${old}) && raftLive.cluster.isOpen(${old}, ${other})`);
    await press('Isolate');
    await until(page, `!raftLive.cluster.isOpen(${old}, ${other})`);
    const term = await termOfAnother(old);
    await page.click('#heal');
    await until(page, `raftLive.cluster.isOpen(${old}, ${other}) && raftLive.cluster.isOpen(${other}, ${old})`);
    await goesAlong(old, term);
    await page.click('#slow');
    await until(page, 'raftLive.cluster.slowMs === 300');
    await page.click('#slow');
    await until(page, 'raftLive.cluster.slowMs === 0');
  });

  it('shows election timers, and who voted for whom', async () => {
    const chosenText = 'document.getElementById("chosen-text").textContent';
    let text: string;
    // Whoever was a follower may ask for votes by the time that it is chosen.
    do {
      const isFollower = '({ role, timeout, elapsed }) => role === "follower" && timeout >= 10 && elapsed < timeout';
      const slot = (await until<number>(page, `${members}.findIndex(${isFollower}) + 1`)) - 1;
      await choose(slot);
      text = await until<string>(page, `${chosenText}.startsWith("n${slot + 1} ") && ${chosenText}`);
    } while (!/ (?:follows|knows no leader)/u.test(text));
    expect(text).to.match(/voted|has not voted/u);
    expect(text).to.match(/It campaigns after \d+ ticks without a leader; \d+ have passed\./u);
  });

  it('loses and delays the next message, and slows down one direction, by click', async () => {
    const linkOf = (from: number, to: number): string => `n${from + 1} → n${to + 1}`;
    const chooseLink = async (from: number, to: number): Promise<void> => {
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      await page.evaluate(`raftLive.choose({ kind: "link", from: ${low}, to: ${high} })`);
      await isTitled(`Link n${low + 1} and n${high + 1}`);
    };
    for (const [button, note] of [
      ['Lose it', 'is lost'],
      ['Delay by 500 ms', 'is held back'],
    ] as const) {
      await disturb({ message: 'Msg\\w+', note }, async (from, to) => {
        await chooseLink(from, to);
        await page.click(`#chosen-acts button[aria-label="${button}: the next message, ${linkOf(from, to)}"]`);
        return true;
      });
    }
    const from = await leader();
    const to = (from + 1) % 3;
    await chooseLink(from, to);
    await page.click(`#chosen-acts button[aria-label="${linkOf(from, to)}, slow"]`);
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
    await disturb({ message: 'MsgHeartbeat', note: 'is lost' }, async (from, to) => {
      const isMeant = `(dot) => dot.name === "MsgHeartbeat" && dot.from === ${from} && dot.to === ${to}`;
      // Looked for and chosen within one frame: it is drawn for half a second. Heartbeats come by themselves.
      const chosen = await until<string>(
        page,
        `(() => {
          const dot = raftLive.shown.find(${isMeant});
          const element = dot && raftLive.stage.elementOf(dot.message);
          element?.dispatchEvent(new PointerEvent("pointerdown"));
          return (element && "chosen") || (${leads} !== ${from} && "over");
        })()`,
      );
      if (chosen === 'over') return false;
      await isTitled(`MsgHeartbeat, n${from + 1} → n${to + 1}`);
      const text = await page.textContent('#chosen-text');
      expect(text).to.contain('what you can lose or delay is the next one of its kind');
      await press('Lose it');
      return true;
    });
  });

  it('gives screen readers a name for each control, and reads out what is told and refused', async () => {
    await choose(await leader());
    expect(await faultsOf(page)).to.deep.equal([]);
    await listen(page);
    await page.click('#write');
    await heard(page, /^write w\d+ at n\d: (?:done|not done|unknown)\. ./u);
    // The second time as well, when nothing in the page changes.
    const refusal = '"That was refused: this cannot be done here."';
    await page.evaluate('raftLive.act({ kind: "nonsense", who: 1 })');
    await until(page, `document.getElementById("connection").textContent === ${refusal}`);
    await page.evaluate('raftLive.act({ kind: "nonsense", who: 1 })');
    await heard(page, /^That was refused: this cannot be done here\.$/u);
  });

  it('leads the keyboard to Start where a member ends, never to what does something else', async () => {
    await choose(1);
    await page.focus('#chosen-acts button:text-is("Isolate")');
    await page.evaluate('raftLive.act({ kind: "kill", who: 2 })');
    await until(page, 'document.activeElement.textContent === "Start"');
    await page.keyboard.press('Enter');
    await until(page, `${members}[1].role !== "down" && ${members}[1].lead > 0`);
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('Kill');
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

  it('has kept each write that was acknowledged while all of this was done to it', async () => {
    await writer.stop();
    const found: string[] = [];
    for await (const { key, value } of writer.client.list({ prefix: 'written/', timeoutMs: PATIENCE_MS }))
      found.push(`${key}=${value}`);
    expect(writer.acknowledged).to.have.lengthOf.above(20);
    expect(found).to.include.members(writer.acknowledged);
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
      await until(page, `innerWidth === ${width}`);
      await drawn(page);
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
  this.timeout(2 * PATIENCE_MS);
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
    browser = await chromium.launch({ executablePath: executable as string, args: launchArgs(), timeout: PATIENCE_MS });
    const page = await newPage(browser);
    await page.goto(/http:\S+/u.exec(line)?.[0] ?? '');
    const members = 'raftLive.cluster.members';
    const leads = `${members}.findIndex(({ role }) => role === "leader")`;
    await until(page, `${members}.length === 3 && ${members}.every(({ applied }) => applied > 4)`);
    expect(await page.textContent('#title')).to.equal('the hello cluster');
    expect(await page.isVisible('#client')).to.equal(false);
    const old = (await until<number>(page, `${leads} + 1`)) - 1;
    await page.click(`.place:nth-child(${old + 1}) .member`);
    await page.click('#chosen-acts button:text-is("Isolate")');
    const isOther = `({ role }, slot) => role === "leader" && slot !== ${old}`;
    const term = await until<number>(page, `${members}.find(${isOther})?.term`);
    await page.click('#heal');
    await until(page, `${members}[${old}].term >= ${term} && ${members}[${old}].lead > 0`);
  });
});
