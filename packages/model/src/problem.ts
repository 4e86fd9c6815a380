// What is wrong with something a person wrote: a value, never an exception, always with its place.

export interface Problem {
  readonly severity: 'error' | 'warning';
  /** The file as the user named it, or the API it came through. */
  readonly file: string;
  /** Both from 1; 0 when the place is unknown. */
  readonly line: number;
  readonly column: number;
  /** Path of the field, as `spec.http[0].route[1].weight`; '' for the whole document. */
  readonly field: string;
  /** What happened and what to do. */
  readonly message: string;
}

/** `file:line:column: severity: field: message` */
export function printProblem(p: Problem): string {
  const place = p.line > 0 ? `${p.file}:${p.line}:${p.column}` : p.file;
  return `${place}: ${p.severity}: ${p.field === '' ? '' : `${p.field}: `}${p.message}`;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((p) => p.severity === 'error');
}

/** One applied change, as the one who asked for it sees it. */
export interface Applied {
  /** False: nothing was changed and the last good state keeps running. */
  readonly ok: boolean;
  readonly version: number;
  /** All errors and warnings. */
  readonly problems: readonly Problem[];
}

/** A part of the program that takes configuration in two steps (the Publisher is the only caller). */
export interface Part<T> {
  /** Does everything that can fail, changes nothing that is seen. */
  prepare(next: T): Promise<Problem[]>;
  commit(): Promise<Applied>;
  abort(): void;
}
