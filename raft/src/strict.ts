/**
 * The door for programs that drive a member themselves: it notices where they do not do what a Ready asks for. The
 * rules and their reasons are in `docs/strict.md`.
 */
export { ERR_STRICT, STRICT_RULES, StrictError, type StrictRule } from './strict/rules.js';
export { type Strict, type StrictOptions, strict } from './strict/strict.js';
