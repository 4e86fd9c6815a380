// Keyboard shortcuts: two-key sequences as `g o`, and single keys. Pure; the shell feeds it key events.

export type Command = 'overview' | 'query' | 'targets' | 'status' | 'editor' | 'help';

/** Keys as shown in the help, and what they do. */
export const SHORTCUTS: readonly {
  readonly keys: readonly string[];
  readonly command: Command;
  readonly text: string;
}[] = [
  { keys: ['g', 'o'], command: 'overview', text: 'Go to Overview' },
  { keys: ['g', 'q'], command: 'query', text: 'Go to Query' },
  { keys: ['g', 't'], command: 'targets', text: 'Go to Targets' },
  { keys: ['g', 's'], command: 'status', text: 'Go to Status' },
  { keys: ['/'], command: 'editor', text: 'Focus the query editor' },
  { keys: ['?'], command: 'help', text: 'Show this help' },
];

/** The second key of a sequence counts only this soon after the first. */
export const SEQUENCE_ms = 1200;

/** What was typed so far. */
export interface Typed {
  readonly first: string;
  readonly at_ms: number;
}

/** Takes one key; gives the command it completes, and what to remember for the next. */
export function pressKey(
  typed: Typed | null,
  key: string,
  at_ms: number,
): { command: Command | null; typed: Typed | null } {
  if (typed !== null && at_ms - typed.at_ms <= SEQUENCE_ms) {
    const hit = SHORTCUTS.find((s) => s.keys.length === 2 && s.keys[0] === typed.first && s.keys[1] === key);
    if (hit !== undefined) return { command: hit.command, typed: null };
  }
  const single = SHORTCUTS.find((s) => s.keys.length === 1 && s.keys[0] === key);
  if (single !== undefined) return { command: single.command, typed: null };
  const opens = SHORTCUTS.some((s) => s.keys.length === 2 && s.keys[0] === key);
  return { command: null, typed: opens ? { first: key, at_ms } : null };
}
