import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawCase, writeSchedule } from '@raft-ts/sim';
import { SCENES } from '@raft-ts/view';
import axe from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { atRest, PATIENCE_MS, playScene, until } from './browser.js';
import { inBrowser } from './page-tests.js';

/** The value of an expression in the page. */
function ask<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate<T>(expression);
}

const world = 'raftView.player.engine.world';
const kinds = (page: Page): Promise<string> => ask(page, 'raftView.player.script.map(({ act }) => act.kind).join(" ")');
const text = async (page: Page, selector: string): Promise<string> => (await page.textContent(selector)) ?? '';

/** A cluster of three with a leader, paused. */
const LED = 'seed=1&n=3&at=110';

describe('the page, in a browser', function () {
  this.timeout(2 * PATIENCE_MS);
  const on = inBrowser();

  for (const { id, variants = [{ id: '', label: '' }] } of SCENES) {
    it(`plays ${id} to its end`, async () => {
      for (const variant of variants) {
        await on(`scene=${id}&as=${variant.id}`, {}, async (page) => {
          await playScene(page);
          const ends = variant.id === 'lease' ? 'the run stops here' : 'the cluster is yours';
          expect(await text(page, '#story-step')).to.equal(`The end of the scene; ${ends}`);
        });
      }
    });
  }

  it('begins with the first scene, and goes to another one by its button', () =>
    on('', {}, async (page) => {
      expect(await text(page, '#story-title')).to.equal('An election');
      await page.click('#scenes button:has-text("PreVote off and on")');
      await atRest(page);
      expect(await text(page, '#story-title')).to.equal('PreVote off and on');
      await page.click('#variants button:has-text("PreVote on")');
      await atRest(page);
      expect(page.url()).to.match(/#scene=pre-vote&as=on$/);
    }));

  it('goes to the next scene from the end of one, and the keyboard stays in its place', () =>
    on('scene=figure-7', {}, async (page) => {
      expect(await page.isVisible('#next-scene')).to.equal(false);
      await playScene(page);
      expect(await text(page, '#continue')).to.equal('Run on');
      expect(await text(page, '#next-scene')).to.equal('Next scene: Figure 8: on a majority, and not committed');
      await page.focus('#next-scene');
      await page.keyboard.press('Enter');
      await until(page, 'document.querySelector("#story-title").textContent.startsWith("Figure 8")');
      await atRest(page);
      expect(await ask(page, 'document.activeElement.id')).to.equal('continue');
      expect(await page.isVisible('#next-scene')).to.equal(false);
      expect(await text(page, '#continue')).to.equal('Start');
    }));

  it('moves nothing from chapter to chapter, beside a text that is longer or shorter', () =>
    on('scene=election', {}, async (page) => {
      const places = new Set<number>();
      await page.evaluate('raftView.player.speed = 40');
      for (let i = 0; i < 4; i++) {
        places.add(await ask<number>(page, 'document.querySelector(".inspector").getBoundingClientRect().top'));
        await page.click('#continue');
        await atRest(page);
      }
      expect([...places]).to.have.lengthOf(1);
    }));

  it('folds the list of scenes where it is narrow, until somebody wants one', () =>
    on('', { width: 360 }, async (page) => {
      expect(await page.isVisible('#scenes')).to.equal(false);
      await page.click('#scene-list summary');
      await page.click('#scenes button:has-text("Replication")');
      await atRest(page);
      expect(await text(page, '#story-title')).to.equal('Replication');
      expect(await page.isVisible('#scenes')).to.equal(false);
      await page.setViewportSize({ width: 1280, height: 900 });
      await until(page, 'document.getElementById("scene-list").open');
    }));

  describe('with a replica', () => {
    const run = 'raftView.player.run';
    const rest = (page: Page): Promise<void> => until(page, '!raftView.player.isRunning && !raftView.player.isBusy');

    it('plays a scene to its end, through the replica, and says what clients were told', () =>
      on('', {}, async (page) => {
        const item = '#replica-scenes button:has-text("A leader that stood still")';
        await Promise.all([page.waitForEvent('load'), page.click(item)]);
        await page.evaluate('raftView.player.speed = 40');
        const isOver = `${run}.chapter >= ${run}.chapters.length`;
        for (let i = 0; i < 20 && !(await ask<boolean>(page, isOver)); i++) {
          await page.click('#continue');
          await rest(page);
        }
        await until(page, 'document.getElementById("story-step").textContent.startsWith("The end of the scene")');
        expect(await text(page, '#requests'))
          .to.contain('done: lease read at')
          .and.contain('answers w2');
      }));

    it('says so when a link cannot be opened', () =>
      on('replica=nothing', {}, async (page) => {
        await rest(page);
        await until(page, 'document.querySelector("#broken").checkVisibility()');
        expect(await text(page, '#broken')).to.equal(
          'This link cannot be opened: there is no scene "nothing" of replicas.',
        );
      }));

    it('lets members be frozen and cut off, goes back, and opens what its address says', () =>
      on('replica=reads&at=150', {}, async (page) => {
        await until(page, `${run}.position === 150 && !raftView.player.isBusy`);
        await page.click('.place:nth-child(1) .member');
        await page.click('#chosen-acts button:text-is("Freeze")');
        await until(page, `${run}.world.members[0].process.isFrozen`);
        await page.click('#chosen-acts button:text-is("Isolate")');
        await until(page, `!${run}.world.wire.network.isOpen(0, 1)`);
        await page.click('#lease-read');
        await page.click('#step');
        await rest(page);
        // The address follows what is shown, a moment later.
        await until(page, `location.hash.includes("do=") && location.hash.includes("at=" + ${run}.position)`);
        const seen = await ask<string>(page, `${run}.world.hash.toString()`);
        const { position, hash } = await ask<{ position: number; hash: string }>(
          page,
          `({ position: ${run}.position, hash: location.hash.slice(1) })`,
        );
        await page.click('#back');
        await until(page, `${run}.position === ${position - 1} && !raftView.player.isBusy`);
        await on(hash, {}, async (other) => {
          await until(other, `${run}.position === ${position} && !raftView.player.isBusy`);
          expect(await ask(other, `${run}.world.hash.toString()`)).to.equal(seen);
        });
        await page.click('#heal');
        await until(page, `${run}.world.wire.network.isOpen(0, 1)`);
      }));

    it('has no fault that axe finds, at 1280 and 360 px, and fits', () =>
      on('replica=reads&at=200', {}, async (page) => {
        await until(page, `${run}.position === 200 && !raftView.player.isBusy`);
        await page.click('.place:nth-child(1) .member');
        await page.evaluate(axe.source);
        for (const width of [1280, 360]) {
          await page.setViewportSize({ width, height: 800 });
          expect(await ask(page, 'document.documentElement.scrollWidth')).to.equal(width);
          const { violations } = await page.evaluate<axe.AxeResults>('axe.run(document)');
          expect(violations.map(({ id }) => id)).to.deep.equal([]);
        }
      }));
  });

  describe('has a button', () => {
    it('that runs, and pauses', () =>
      on('seed=1&n=3', {}, async (page) => {
        await page.click('#run');
        await until(page, 'raftView.player.engine.position > 20');
        expect(await text(page, '#run')).to.equal('Pause');
        await page.click('#run');
        await atRest(page);
        expect(await text(page, '#run')).to.equal('Run');
        expect(page.url()).to.match(/#seed=1&n=3&at=\d+$/);
      }));

    it('for one event, for one back, and for the beginning', () =>
      on(LED, {}, async (page) => {
        const position = (): Promise<number> => ask(page, 'raftView.player.engine.position');
        const hash = (): Promise<string> => ask(page, `${world}.hash.toString()`);
        const before = await hash();
        await page.click('#step');
        await atRest(page);
        expect(await position()).to.equal(111);
        await page.click('#back');
        await atRest(page);
        expect(await position()).to.equal(110);
        expect(await hash()).to.equal(before);
        await page.click('#to-start');
        await atRest(page);
        expect(await position()).to.equal(0);
      }));

    it('for the speed, and a slider for the time', () =>
      on(LED, {}, async (page) => {
        await page.selectOption('#speed', '2');
        expect(await ask(page, 'raftView.player.speed')).to.equal(2);
        const now = await ask<number>(page, 'raftView.player.time');
        await page.fill('#time', '500');
        await atRest(page);
        expect(await ask<number>(page, `${world}.now`)).to.be.at.most(500);
        await page.fill('#time', String(Math.floor(now)));
        await atRest(page);
        expect(await ask<number>(page, 'raftView.player.engine.position')).to.be.within(100, 110);
        await page.focus('#time');
        const before = await ask<number>(page, 'raftView.player.time');
        await page.keyboard.press('ArrowLeft');
        await atRest(page);
        expect(await ask<number>(page, 'raftView.player.time')).to.equal(before - 50);
        await page.keyboard.press('ArrowRight');
        await atRest(page);
        expect(await ask<number>(page, 'raftView.player.time')).to.equal(before);
      }));

    it('for each thing that can be done to a member', () =>
      on(LED, {}, async (page) => {
        const leader = await ask<number>(page, `${world}.leader().slot`);
        const who = (leader + 1) % 3;
        await page.click(`.place:nth-child(${who + 1}) .member`);
        const press = async (name: string): Promise<void> => {
          await page.click(`#chosen-acts button:text-is("${name}")`);
          await atRest(page);
        };
        await press('Freeze');
        expect(await ask(page, `${world}.members[${who}].isFrozen`)).to.equal(true);
        await press('Go on');
        await press('Crash');
        expect(await ask(page, `${world}.members[${who}].isUp`)).to.equal(false);
        await press('Start');
        await press('Isolate');
        expect(await ask(page, `${world}.network.isOpen(${who}, ${leader})`)).to.equal(false);
        await page.click(`#chosen-acts button:text-is("n${who + 1} → n${leader + 1}")`);
        expect(await ask(page, `${world}.network.isOpen(${who}, ${leader})`)).to.equal(true);
        for (const name of ['Campaign', 'Make it lead', 'Snapshot', 'Remove', 'Replace', 'Add a member'])
          await press(name);
        expect(await kinds(page)).to.equal(
          'freeze thaw crash start isolate open campaign transfer snapshot change change change',
        );
        expect(await ask(page, `${world}.members.length`)).to.equal(5);
      }));

    it('for each direction of a link', () =>
      on(LED, {}, async (page) => {
        await page.dispatchEvent('.link[data-link="0-1"] .hit', 'click');
        const open = (): Promise<boolean[]> =>
          ask(page, `[${world}.network.isOpen(0, 1), ${world}.network.isOpen(1, 0)]`);
        await page.click('#chosen-acts button:text-is("n1 → n2")');
        expect(await open()).to.deep.equal([false, true]);
        await page.click('#chosen-acts button:text-is("Open both ways")');
        expect(await open()).to.deep.equal([true, true]);
        await page.click('#chosen-acts button:text-is("Cut both ways")');
        expect(await open()).to.deep.equal([false, false]);
      }));

    it('that loses or delays the message that was clicked', () =>
      on('seed=1&n=3', {}, async (page) => {
        await page.evaluate('raftView.player.act({ kind: "campaign", who: 0 })');
        await atRest(page);
        const count = (): Promise<number> =>
          ask(page, 'document.querySelectorAll("#stage .dot:not([display])").length');
        const before = await count();
        expect(before).to.be.above(0);
        await page.dispatchEvent('#stage .dot', 'pointerdown');
        await page.click('#chosen-acts button:text-is("Delay by 500 ms")');
        await atRest(page);
        await page.click('#chosen-acts button:text-is("Lose it")');
        await atRest(page);
        expect(await count()).to.equal(before - 1);
        await page.click('#messages button:text-is("Delay")');
        await page.click('#messages button:text-is("Lose")');
        await atRest(page);
        expect(await kinds(page)).to.equal('campaign delay lose delay lose');
      }));

    it('for a client that writes and reads, at a member of its choice', () =>
      on(LED, {}, async (page) => {
        expect(await page.inputValue('#client-at')).to.equal('leader');
        await page.selectOption('#client-at', '1');
        for (const id of ['write', 'read', 'stale-read']) await page.click(`#${id}`);
        await atRest(page);
        await page.evaluate('raftView.player.speed = 20');
        await page.click('#run');
        await until(page, 'raftView.player.engine.client.requests.every(({ verdict }) => verdict !== "waiting")');
        await page.click('#run');
        await atRest(page);
        const told = await text(page, '#requests');
        expect(told).to.contain('✓ done: write w1 at n2.');
        expect(told).to.contain('✓ done: read at n2.');
        expect(told).to.contain('stale read at n2.');
      }));

    it('that splits the network, one that heals it, and a choice of weather', () =>
      on(LED, {}, async (page) => {
        await page.check('#sides label:nth-child(1) input');
        await page.click('#split');
        await atRest(page);
        expect(await ask(page, `${world}.network.isOpen(0, 2)`)).to.equal(false);
        await page.click('#heal');
        await atRest(page);
        expect(await ask(page, `${world}.network.isOpen(0, 2)`)).to.equal(true);
        await page.selectOption('#weather', '3');
        await atRest(page);
        expect(await ask(page, `${world}.network.weather.loss`)).to.equal(0.2);
      }));

    it('that builds a cluster, one that opens a seed, and one for a schedule', () =>
      on('', {}, async (page) => {
        await page.click('#new');
        await page.fill('#new-form input[name="members"]', '7');
        await page.click('#new-form button.primary');
        await atRest(page);
        expect(page.url()).to.match(/#seed=1&n=7$/);
        await page.click('#open');
        await page.fill('#open-form input[name="seed"]', '42');
        await page.fill('#open-form input[name="faults"]', 'rain');
        await page.click('#open-form button.primary');
        expect(await text(page, '#open-form .error')).to.contain('there is no kind of fault "rain"');
        await page.fill('#open-form input[name="faults"]', 'crash,split');
        await page.click('#open-form button.primary');
        await atRest(page);
        expect(page.url()).to.match(/#draw=42&ms=30000&faults=crash,split$/);
        const folder = await mkdtemp(join(tmpdir(), 'raft-ts-view-'));
        try {
          const file = join(folder, 'schedule.json');
          await writeFile(file, writeSchedule(drawCase(9, { members: 3 }), undefined));
          await page.click('#open');
          await page.setInputFiles('#schedule-file', file);
          await until(page, 'raftView.player.origin.kind === "case" && raftView.player.origin.case.seed === 9');
          await atRest(page);
          expect(await text(page, '#story-title')).to.equal('A run of the simulator, seed 9');
        } finally {
          await rm(folder, { recursive: true });
        }
      }));

    it('for the theme, for help, and one that says where the link is', () =>
      on('', {}, async (page) => {
        const theme = (): Promise<string | null> => page.getAttribute('html', 'data-theme');
        await page.click('#theme');
        expect(await theme()).to.equal('light');
        await page.click('#theme');
        expect(await theme()).to.equal('dark');
        await page.click('#theme');
        expect(await theme()).to.equal(null);
        await page.click('#help');
        expect(await page.isVisible('#help-dialog')).to.equal(true);
        await page.click('#help-form button');
        expect(await page.isVisible('#help-dialog')).to.equal(false);
        await page.click('#share');
        await until(page, '["Copied", "It is in the address"].includes(document.querySelector("#share").textContent)');
      }));
  });

  it('shows to somebody else what is sent as a link', () =>
    on(LED, {}, async (page) => {
      await page.evaluate('raftView.act({ kind: "crash", who: raftView.player.engine.world.leader().slot })');
      await page.evaluate('raftView.player.speed = 20');
      await page.click('#run');
      await until(page, 'raftView.player.engine.position > 250');
      await page.click('#run');
      await atRest(page);
      const state =
        'JSON.stringify([raftView.player.engine.world.hash.toString(), raftView.player.engine.chronicle.notes])';
      const link = await ask<string>(page, 'raftView.link');
      const seen = await ask(page, state);
      await on(link, {}, async (other) => {
        expect(await ask(other, state)).to.equal(seen);
      });
    }));

  it('says so when a link cannot be opened', () =>
    on('scene=nothing', {}, async (page) => {
      expect(await text(page, '#explain')).to.equal('This link cannot be opened: there is no scene "nothing".');
    }));

  it('leads the tabulator key through it in the order in which it is read', () =>
    on(LED, {}, async (page) => {
      const order = ['#continue', '.member', '#run', '#time', '.logs td', '#chosen-acts button', '#write', '#split'];
      await page.click('.member');
      await atRest(page);
      await page.focus('#help');
      const reached: string[] = [];
      for (let i = 0; i < 80 && reached.length < order.length; i++) {
        await page.keyboard.press('Tab');
        const matches = (each: string): string => `document.activeElement?.matches(${JSON.stringify(each)})`;
        const found = await ask<number>(page, `[${order.map(matches).join()}].indexOf(true)`);
        const name = order[found];
        if (name !== undefined && !reached.includes(name)) reached.push(name);
      }
      expect(reached).to.deep.equal(order);
    }));

  it('can be used with the keyboard alone', () =>
    on(LED, {}, async (page) => {
      const focus = async (id: string): Promise<void> => {
        for (let i = 0; i < 80; i++) {
          await page.keyboard.press('Tab');
          if (await ask(page, `document.activeElement?.matches(${JSON.stringify(id)}) ?? false`)) return;
        }
        throw new Error(`the tabulator key does not lead to ${id}`);
      };
      const state = (slot: number): Promise<boolean> => ask(page, `${world}.members[${slot}].isUp`);
      await focus('.member');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      expect(await text(page, '#explain')).to.match(/^n2 /);
      await focus('#write');
      await page.keyboard.press('Enter');
      await focus('.logs td');
      await page.keyboard.press('ArrowRight');
      await atRest(page);
      expect(await text(page, '#explain')).to.match(/^Entry 2 of n1/);
      await page.keyboard.press('ArrowDown');
      await atRest(page);
      expect(await text(page, '#explain')).to.match(/^Entry 2 of n2/);
      await page.keyboard.press('2');
      await focus('#chosen-acts button');
      await atRest(page);
      expect(await text(page, '#explain'), 'of the entry that is no longer pointed at').to.match(/^At /);
      await page.keyboard.press('Enter');
      await atRest(page);
      expect(await state(1)).to.equal(false);
      expect(await ask(page, 'document.activeElement.textContent')).to.equal('Start');
      await page.keyboard.press('Escape');
      const at = await ask<number>(page, 'raftView.player.engine.position');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowLeft');
      await atRest(page);
      expect(await ask(page, 'raftView.player.engine.position')).to.equal(at + 1);
    }));

  it('tells what matters to whoever does not see it', () =>
    on('scene=election', {}, async (page) => {
      await playScene(page);
      expect(await text(page, '#events')).to.contain('leads in term 2: a majority voted for it.');
      await until(page, 'document.querySelector("#live").textContent !== ""');
      expect(await page.getAttribute('.member', 'aria-label')).to.match(/^n1, follower, term 2, log up to 2/);
    }));

  it('moves nothing for whoever wants no motion', () =>
    on('seed=1&n=3&from=5000&to=5000', { still: true }, async (page) => {
      await page.evaluate('raftView.player.act({ kind: "campaign", who: 0 })');
      // Where they are, sorted: which element shows which message does not matter.
      const places = (): Promise<string> =>
        ask(
          page,
          '[...document.querySelectorAll("#stage .dot:not([display])")].map((dot) => dot.getAttribute("transform")).sort().join()',
        );
      await atRest(page);
      const before = await places();
      expect(before).not.to.equal('');
      await page.click('#run');
      await until(page, 'raftView.player.time > 40');
      await page.evaluate('raftView.player.pause()');
      await atRest(page);
      expect(await places()).to.equal(before);
    }));

  for (const dark of [false, true]) {
    for (const width of [360, 1280]) {
      it(`has no fault that axe finds, ${dark ? 'dark' : 'light'}, at ${width} px, and fits`, async () => {
        for (const hash of dark
          ? [LED, 'scene=split-brain&at=800']
          : [LED, 'scene=lease&at=290', 'scene=figure-7&at=60']) {
          await on(hash, { width, dark, height: 800 }, async (page) => {
            await page.click('.member');
            await atRest(page);
            const fits = async (): Promise<void> => {
              expect(await ask(page, 'document.documentElement.scrollWidth'), 'no sideways scrolling').to.equal(width);
            };
            await fits();
            await page.evaluate('raftView.player.run()');
            await until(page, 'document.querySelector("#run").textContent === "Pause"');
            await fits();
            await page.evaluate('raftView.player.pause()');
            await atRest(page);
            await page.evaluate(axe.source);
            const { violations } = await ask<axe.AxeResults>(page, 'axe.run(document)');
            const found = violations.map(
              ({ id, nodes }) =>
                `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
            );
            expect(found, hash).to.deep.equal([]);
          });
        }
      });
    }
  }

  /** What of these cannot be seen whole, or read: texts whose letters are too small, and places that are cut off. */
  const unread = (page: Page, selector: string, box: string, least = 0): Promise<string[]> =>
    ask(
      page,
      `(() => {
        const frame = document.querySelector(${JSON.stringify(box)}).getBoundingClientRect();
        return [...document.querySelectorAll(${JSON.stringify(selector)})]
          .filter((each) => each.textContent !== '' && each.checkVisibility())
          .map((each) => [each.textContent, each.getBoundingClientRect()])
          .filter(([, { left, right, height }]) => left < frame.left - 1 || right > frame.right + 1 || height < ${least})
          .map(([text, { left, right, height }]) => [text, left, right, height].join(' '));
      })()`,
    );

  it('keeps what is written in the picture and the timeline large enough, and inside, at 360 px', async () => {
    for (const hash of ['scene=split-vote&at=30', 'scene=split-brain&at=560', 'seed=1&n=9&at=400']) {
      await on(hash, { width: 360, height: 740 }, async (page) => {
        expect(await unread(page, '#stage text:not(.badge)', '#stage', 12), hash).to.deep.equal([]);
        expect(await unread(page, '#timeline text', '#timeline', 12), hash).to.deep.equal([]);
      });
    }
  });

  it('shows the newest entries of the logs, at 360 px and at 1280 px', async () => {
    for (const width of [360, 1280]) {
      await on('scene=figure-7&at=60', { width }, async (page) => {
        expect(await unread(page, '.logs tbody td', '#logs'), 'all twelve fit').to.deep.equal([]);
      });
      await on(LED, { width }, async (page) => {
        for (let i = 0; i < 30; i++) await page.evaluate('raftView.act({ kind: "write", who: 0 })');
        await page.evaluate('raftView.player.speed = 20');
        await page.click('#run');
        await until(page, 'raftView.player.engine.client.requests.every(({ verdict }) => verdict !== "waiting")');
        await page.click('#run');
        await atRest(page);
        const newest = '.logs tbody tr:first-child td:last-child';
        expect(await text(page, newest)).to.equal('2');
        expect(await unread(page, newest, '#logs'), 'the newest one').to.deep.equal([]);
        expect(await unread(page, '.logs tbody th', '#logs'), 'whose log it is').to.deep.equal([]);
      });
    }
  });

  it('has no fault that axe finds in its dialogs', () =>
    on('', {}, async (page) => {
      await page.evaluate(axe.source);
      for (const id of ['new', 'open', 'help']) {
        await page.click(`#${id}`);
        const { violations } = await ask<axe.AxeResults>(page, 'axe.run(document)');
        expect(
          violations.map((one) => one.id),
          id,
        ).to.deep.equal([]);
        await page.keyboard.press('Escape');
      }
    }));

  it('draws a sample of the messages when there are more than anybody can look at', () =>
    on('seed=1&n=9&from=200&to=300&load=400', {}, async (page) => {
      await page.evaluate('raftView.player.seek(4000)');
      await atRest(page);
      const sent = await ask<number>(page, 'raftView.player.engine.chronicle.messages');
      expect(sent).to.be.above(4000);
      expect(await ask(page, 'document.querySelectorAll("#stage .dot:not([display])").length')).to.equal(60);
    }));

  it('draws a message that is in that sample by the same element until it has arrived', () =>
    on('seed=1&n=9&from=200&to=300&load=400', {}, async (page) => {
      await page.evaluate('raftView.player.seek(4000)');
      await atRest(page);
      await page.evaluate(
        `globalThis.elements = () => {
          const found = new Map();
          raftView.player.engine.world.queue.forEach((at, { message }) => {
            if (message !== undefined) found.set(message, raftView.stage.elementOf(message));
          });
          return found;
        };
        globalThis.before = [...elements()].filter(([, element]) => element !== undefined);`,
      );
      await page.evaluate('raftView.player.seek(4003)');
      await atRest(page);
      const { left, same, drawn, visible } = await ask<Record<'left' | 'same' | 'drawn' | 'visible', number>>(
        page,
        `(() => {
          const now = elements();
          const left = before.filter(([message]) => now.has(message));
          return {
            left: left.length,
            same: left.filter(([message, element]) => now.get(message) === element).length,
            drawn: new Set([...now.values()].filter((element) => element !== undefined)).size,
            visible: document.querySelectorAll('#stage .dot:not([display])').length,
          };
        })()`,
      );
      expect(left).to.be.within(20, 59);
      expect(same).to.equal(left);
      expect([drawn, visible], 'others have the elements of those that arrived').to.deep.equal([60, 60]);
    }));

  it('names the entries that it draws, also while it runs', () =>
    on('seed=1&n=3&load=30', {}, async (page) => {
      const areNamed = `[...document.querySelectorAll('#logs tbody td')].every((td) => {
        const index = document.querySelector('#logs thead tr').cells[td.cellIndex].textContent;
        const drawn = td.dataset.kind === undefined ? 'no entry' : 'entry ' + index + ', term ' + td.textContent;
        return td.getAttribute('aria-label').startsWith(drawn);
      })`;
      await page.selectOption('#speed', '1');
      await page.click('#run');
      await until(page, `raftView.player.isRunning && raftView.player.time > 4000 && ${areNamed}`);
      await page.click('#run');
      await atRest(page);
      expect(await ask(page, areNamed)).to.equal(true);
    }));

  it('leaves nothing in its timeline of a run that is no longer shown', () =>
    on(LED, {}, async (page) => {
      const shapes = (): Promise<number> =>
        ask(page, 'document.querySelectorAll("#timeline .part, #timeline .span.leader").length');
      await page.evaluate('raftView.player.act({ kind: "split", value: 1 })');
      await atRest(page);
      expect(await shapes()).to.equal(2);
      await page.evaluate('location.hash = "seed=2&n=3"');
      await until(page, 'raftView.player.engine.origin.knobs?.seed === 2');
      await atRest(page);
      expect(await shapes()).to.equal(0);
    }));
});
