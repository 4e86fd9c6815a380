// Problems of a translation: what is found once everything has been read, at the place of the object it is about.
import type { Decoder, Place } from '@munjigi/document';
import type { Problem } from '@munjigi/model';

export class Problems {
  readonly all: Problem[] = [];

  /** `field` is below the place's own. */
  error(at: Place, field: string, message: string): void {
    this.#add('error', at, field, message);
  }

  warn(at: Place, field: string, message: string): void {
    this.#add('warning', at, field, message);
  }

  #add(severity: Problem['severity'], at: Place, field: string, message: string): void {
    const path = field === '' ? at.field : at.field === '' ? field : `${at.field}.${field}`;
    this.all.push({ severity, file: at.file, line: at.line, column: at.column, field: path, message });
  }
}

export function printPlace(at: Place): string {
  return `${at.file}:${at.line}:${at.column}`;
}

/** Warns when a value is one that has no effect here; `judge` says why, or null. */
export function warned<T>(decoder: Decoder<T>, judge: (value: T) => string | null): Decoder<T> {
  return (node, context) => {
    const value = decoder(node, context);
    const message = value === undefined ? null : judge(value);
    if (message !== null) context.warn(node, message);
    return value;
  };
}

/** Refuses a value that would open what it should close. */
export function judged<T>(decoder: Decoder<T>, judge: (value: T) => string | null): Decoder<T> {
  return (node, context) => {
    const value = decoder(node, context);
    const message = value === undefined ? null : judge(value);
    return message === null ? value : context.error(node, message);
  };
}
