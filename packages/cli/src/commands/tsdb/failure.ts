// Why a command ends without what it was asked for: for the user, with the exit code that says whose mistake it was.
import { EnvError } from '@munjigi/env';
import { stderr } from '@munjigi/env/node';
import { StorageError, type Matcher } from '@munjigi/model';
import { parseSelector, printParseError } from '@munjigi/promql';

export class Failure extends Error {
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs a command, whose whole name is `name`; prints why it failed. The exit code. */
export async function runCommand(name: string, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof Failure || error instanceof StorageError || error instanceof EnvError))
      throw error;
    stderr.write(`munjigi ${name}: ${error.message}\n`);
    return error instanceof Failure ? error.exitCode : 1;
  }
}

/** The value of an option that is a whole number. Throws Failure. */
export function wholeNumber(option: string, text: string, least: number): number {
  const n = Number(text);
  if (!/^[+-]?\d+$/.test(text) || n < least)
    throw new Failure(
      `${option}: wants a whole number${least > -Infinity ? ` of ${least} or more` : ''}, got ${JSON.stringify(text)}`,
      2,
    );
  return n;
}

/** Throws Failure. */
export function selectorOption(text: string): readonly Matcher[] {
  const read = parseSelector(text);
  if ('matchers' in read) return read.matchers;
  throw new Failure(`--match ${JSON.stringify(text)} is no selector: ${printParseError(read.errors[0]!)}`, 2);
}
