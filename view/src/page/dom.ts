/** What the page needs to build and to change what it shows. Nothing is written that has not changed. */

type Child = Node | string;

const SVG = 'http://www.w3.org/2000/svg';

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * The element of this id.
 * @throws Error if the page has none, or one of another kind
 */
export function byId<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`the page has no such element #${id}`);
  return element as T;
}

/** What was written last into each element: its attributes by their names, and its text. */
const known = new WeakMap<Element, Map<string, string>>();
/** Where its text stands there: no attribute has this name. */
const TEXT = '';

function writtenTo(element: Element): Map<string, string> {
  let values = known.get(element);
  if (values === undefined) {
    values = new Map();
    known.set(element, values);
  }
  return values;
}

/** Sets an attribute if it has another value now. */
export function set(element: Element, name: string, value: string | number | undefined): void {
  const values = writtenTo(element);
  const text = value === undefined ? '' : String(value);
  if (values.get(name) === text) return;
  values.set(name, text);
  if (value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

/**
 * Sets the text of an element if it has another one now. What was written is remembered, since asking for it makes a
 * string each time, and its node is kept: so nothing else may write into the element.
 */
export function say(element: Element, text: string): void {
  const values = writtenTo(element);
  const before = values.get(TEXT);
  if (before === text) return;
  values.set(TEXT, text);
  const node = before === undefined || before === '' || text === '' ? null : element.firstChild;
  if (node !== null) node.nodeValue = text;
  else if (before !== undefined || element.textContent !== text) element.textContent = text;
}

/** A button that does something. */
export function button(
  text: string,
  does: () => void,
  attributes: Readonly<Record<string, string>> = {},
): HTMLButtonElement {
  const element = html('button', { type: 'button', ...attributes }, text);
  element.addEventListener('click', does);
  return element;
}

/**
 * Puts as many children into a list as there are items, and fills each with its own. Elements are kept, and with them
 * the focus.
 */
export function fill<T>(
  list: Element,
  items: readonly T[],
  make: () => Element,
  show: (element: Element, item: T) => void,
): void {
  while (list.children.length > items.length) list.lastElementChild?.remove();
  while (list.children.length < items.length) list.append(make());
  for (const [i, item] of items.entries()) show(list.children[i] as Element, item);
}
