// What a decoder gets beside its node: where it is, and where problems go.
import type { Problem } from '@munjigi/model';
import type { Node, Position } from './node.ts';

export interface DecodeOptions {
  readonly file: string;
  /** What a key that the schema does not know is. Default 'error'. */
  readonly unknownFields?: 'error' | 'warning';
  /** 'go': a text field takes an unquoted number or boolean as written (Prometheus). 'strict': it does not (Kubernetes, Kong). Default 'go'. */
  readonly text?: 'go' | 'strict';
}

/** Turns a node into a value. `undefined`: it could not, and the context holds at least one error about it. */
export type Decoder<T> = (node: Node, context: Context) => T | undefined;

/** A place in a file, by line and by field. */
export interface Place extends Position {
  readonly file: string;
  readonly field: string;
}

export class Context {
  readonly file: string;
  readonly unknownFields: 'error' | 'warning';
  readonly strictText: boolean;
  readonly problems: Problem[] = [];
  /** How many of the problems are errors. */
  errors = 0;
  readonly #path: string[] = [];

  constructor(options: DecodeOptions) {
    this.file = options.file;
    this.unknownFields = options.unknownFields ?? 'error';
    this.strictText = options.text === 'strict';
  }

  /** Runs fn below a step of the path: `weight` or `[3]`. */
  within<T>(step: string, fn: () => T): T {
    this.#path.push(step);
    try {
      return fn();
    } finally {
      this.#path.pop();
    }
  }

  /** `spec.http[0].weight`. */
  field(): string {
    let out = '';
    for (const step of this.#path) out += step.startsWith('[') || out === '' ? step : `.${step}`;
    return out;
  }

  error(at: Position, message: string): undefined {
    this.errors++;
    this.#report('error', at, message);
  }

  warn(at: Position, message: string): void {
    this.#report('warning', at, message);
  }

  place(at: Position): Place {
    return { file: this.file, line: at.line, column: at.column, field: this.field() };
  }

  #report(severity: 'error' | 'warning', at: Position, message: string): void {
    this.problems.push({ severity, ...this.place(at), message });
  }
}

/** The value of a document (undefined when there is an error) and everything that is wrong with it, in the order of the text. */
export interface Decoded<T> {
  readonly value: T | undefined;
  readonly problems: Problem[];
}

export function decode<T>(node: Node, decoder: Decoder<T>, options: DecodeOptions): Decoded<T> {
  const context = new Context(options);
  const value = decoder(node, context);
  const problems = context.problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { value: context.errors > 0 ? undefined : value, problems };
}

const places = new WeakMap<object, Place>();

/** Remembers where an object was written. */
export function rememberPlace(value: object, place: Place): void {
  places.set(value, place);
}

/** Where a decoded object or list was written; null for values that came from no document (defaults, copies). */
export function placeOf(value: object): Place | null {
  return places.get(value) ?? null;
}

/** A problem at the place of a decoded object, for checks that need more than one value. `field` is below the object's own. */
export function problemAt(
  value: object,
  severity: 'error' | 'warning',
  message: string,
  field: string = '',
): Problem {
  const at = placeOf(value) ?? { file: '', line: 0, column: 0, field: '' };
  const path = field === '' ? at.field : at.field === '' ? field : `${at.field}.${field}`;
  return { severity, file: at.file, line: at.line, column: at.column, field: path, message };
}
