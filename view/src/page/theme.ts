import { byId, say } from './dom.js';

const ORDER = ['system', 'light', 'dark'] as const;
type Theme = (typeof ORDER)[number];
const KEPT = 'raft-ts-theme';

/** Pages opened from a file may have no storage: then the choice is for this visit. */
function stored(): Theme {
  try {
    return ORDER.find((theme) => theme === localStorage.getItem(KEPT)) ?? 'system';
  } catch {
    return 'system';
  }
}

/** Light, dark, or as the system has it. */
export function startTheme(): void {
  let theme = stored();
  const show = (): void => {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    const control = byId('theme');
    say(control, { system: 'Theme', light: 'Theme: light', dark: 'Theme: dark' }[theme]);
    control.setAttribute('aria-label', `Theme: ${theme === 'system' ? 'as the system' : theme}`);
  };
  byId('theme').addEventListener('click', () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system';
    try {
      localStorage.setItem(KEPT, theme);
    } catch {
      // As above.
    }
    show();
  });
  show();
}
