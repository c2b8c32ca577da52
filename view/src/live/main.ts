import { startTheme } from '../page/theme.js';
import { LivePage } from './page.js';

startTheme();
const token = new URLSearchParams(location.search).get('token') ?? '';
const page = new LivePage(token);
page.connect();
Object.assign(globalThis, { raftLive: page });
