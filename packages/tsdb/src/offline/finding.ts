// What a check of files says is wrong, as data.
import { EnvError } from '@munjigi/env';
import { StorageError } from '@munjigi/model';

export interface Finding {
  /** 'note': a start copes with it without losing anything that it promised. */
  readonly severity: 'damage' | 'note';
  readonly path: string;
  /** -1: of the file as a whole. */
  readonly offset: number;
  readonly what: string;
}

export type Report = (f: Finding) => void;

/** What is reported of one file at most: a file of noise has as many faults as bytes. */
const MAX_A_FILE = 20;

export interface Reporter {
  /** Damage at a byte of a file (-1: of all of it). */
  damage(path: string, offset: number, what: string): void;
  note(path: string, offset: number, what: string): void;
  /** The same from an error of a reader; anything else is thrown on. */
  error(error: unknown, path: string): void;
  /** How much was reported, unprinted findings too. */
  damages(): number;
}

export function newReporter(report: Report): Reporter {
  const counts = new Map<string, number>();
  let damages = 0;
  function say(severity: Finding['severity'], path: string, offset: number, what: string): void {
    if (severity === 'damage') damages++;
    const n = (counts.get(path) ?? 0) + 1;
    counts.set(path, n);
    if (n <= MAX_A_FILE) report({ severity, path, offset, what });
    else if (n === MAX_A_FILE + 1)
      report({ severity, path, offset: -1, what: 'there is more: it is not listed' });
  }
  return {
    damage: (path, offset, what) => say('damage', path, offset, what),
    note: (path, offset, what) => say('note', path, offset, what),
    error(error, path): void {
      if (error instanceof EnvError) return say('damage', path, -1, `cannot be read: ${error.message}`);
      if (!(error instanceof StorageError)) throw error;
      const { file, offset, what } = placeOf(error.message);
      say('damage', file === '' ? path : file, offset, what);
    },
    damages: () => damages,
  };
}

/** Readers say `path: byte 12: what is wrong: what to do`. */
function placeOf(message: string): { file: string; offset: number; what: string } {
  const found = /^(\S.*?): byte (\d+): (.*?)(?:: restore the (?:block|file) .*)?$/s.exec(message);
  if (found === null) return { file: '', offset: -1, what: message };
  return { file: found[1]!, offset: Number(found[2]), what: found[3]! };
}
