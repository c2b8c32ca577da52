import type { Page } from 'playwright-core';
import { until } from './browser.js';

/** A node of the tree that Chromium gives to assistive technology. */
export interface Told {
  readonly nodeId: string;
  readonly parentId?: string;
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
  readonly properties?: readonly { readonly name: string; readonly value: { readonly value?: unknown } }[];
  readonly childIds?: readonly string[];
}

/** What Chromium tells, without what it leaves out. */
export async function told(page: Page): Promise<readonly Told[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return (nodes as unknown as Told[]).filter(({ ignored }) => !ignored);
}

const isLive = ({ properties = [] }: Told): boolean =>
  properties.some(({ name, value }) => name === 'live' && value.value !== 'off' && value.value !== '');

const CONTROLS = new Set([
  'button',
  'checkbox',
  'combobox',
  'link',
  'slider',
  'spinbutton',
  'textbox',
  'gridcell',
  'grid',
]);

/** What is wrong with a page for whoever hears it. */
export async function faultsOf(page: Page): Promise<string[]> {
  const nodes = await told(page);
  const roles = (some: readonly Told[]): string[] => some.map(({ role }) => role?.value ?? '');
  const nameless = nodes.filter(({ role, name }) => CONTROLS.has(role?.value ?? '') && (name?.value ?? '') === '');
  // The focus would go from one document to another, about which Orca says nothing.
  const documents = roles(nodes.filter(({ role }) => /document|RootWebArea|SvgRoot/iu.test(role?.value ?? '')));
  // A clock that is read out at each tick leaves room for nothing else.
  // Elsewhere than in such a part of a page, screen readers keep the arrow keys for themselves.
  const arrows = roles(nodes.filter(({ name }) => name?.value?.includes('arrow keys') ?? false));
  const live = roles(nodes.filter(isLive)).filter((role) => role !== 'StaticText' && role !== 'InlineTextBox');
  return [
    ...roles(nameless).map((role) => `a ${role} without a name`),
    ...(documents.join() === 'RootWebArea' ? [] : [`documents: ${documents.join(', ')}`]),
    ...(arrows.join() === 'toolbar' ? [] : [`where the arrow keys go from one to the next: ${arrows.join(', ')}`]),
    ...(live.length > 0 ? [] : ['nothing is read out']),
    ...live.filter((role) => role !== 'status').map((role) => `a ${role} is read out whenever it changes`),
  ];
}

/** From now on the page keeps what it has read out. */
export async function listen(page: Page): Promise<void> {
  await page.evaluate(`{
    window.heard = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) heard.push(node.textContent.trim());
    }).observe(document.getElementById('live'), { childList: true });
  }`);
}

/** Waits until something like this was read out. */
export async function heard(page: Page, pattern: RegExp): Promise<void> {
  await until(page, `heard.some((text) => ${pattern}.test(text))`);
}
