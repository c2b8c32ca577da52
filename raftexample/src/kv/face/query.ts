import { HttpError } from './answers.js';

/** Form-encoded parameters, each at most once. @throws HttpError 400 */
export function parseQuery(query: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (query === '') return found;
  for (const part of query.split('&')) {
    if (part === '') continue;
    const mark = part.indexOf('=');
    const name = decode(mark < 0 ? part : part.slice(0, mark));
    if (found.has(name)) throw new HttpError(400, `"${name}" must be given once, as UTF-8`);
    found.set(name, mark < 0 ? '' : decode(part.slice(mark + 1)));
  }
  return found;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpError(400, 'the query must be form-encoded UTF-8');
  }
}
