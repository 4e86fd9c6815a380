// label_replace and label_join.
import { METRIC_NAME, compileReplacer, labelValue } from '@munjigi/model';
import { setLabel } from './label-edit.ts';
import type { Budget } from './fragment.ts';
import { executionError, giveBytes, takeBytes } from './query-error.ts';
import type { Table } from './table.ts';

/** A label value is at most as long as a string can be, by far. */
const MAX_VALUE_LENGTH: number = 2 ** 28;

/** Takes room for a label value that is about to be made, of at most so many characters. Throws where no value may be so long. */
function takeText(b: Budget, func: string, length: number): void {
  if (length > MAX_VALUE_LENGTH)
    throw executionError(
      `${func}() would make a label value of ${length} characters, at most ${MAX_VALUE_LENGTH} are possible`,
    );
  takeBytes(b, length);
}

/** label_replace(v, dst, replacement, src, regex). Throws RegExpError for a bad expression. */
export function labelReplace(b: Budget, t: Table, texts: readonly string[]): Table {
  const [dst, replacement, src, regex] = texts as [string, string, string, string];
  checkName(dst, 'destination', 'label_replace');
  const replace = compileReplacer(regex, replacement);
  const labels = [...t.labels];
  const drops = t.drops.slice();
  // Each group in the replacement is at most all of the source.
  const groups = replacement.split('$').length - 1;
  for (let row = 0; row < labels.length; row++) {
    const source = labelValue(labels[row]!, src);
    const most = replacement.length + groups * source.length;
    takeText(b, 'label_replace', most);
    const text = replace(source);
    giveBytes(b, most);
    if (text === null) continue;
    takeText(b, 'label_replace', text.length);
    labels[row] = setLabel(labels[row]!, dst, text);
    if (dst === METRIC_NAME) drops[row] = 0;
  }
  return { ...t, labels, drops };
}

/** label_join(v, dst, separator, src...). */
export function labelJoin(b: Budget, t: Table, texts: readonly string[]): Table {
  const [dst, separator, ...sources] = texts as [string, string, ...string[]];
  for (const src of sources) checkName(src, 'source', 'label_join');
  checkName(dst, 'destination', 'label_join');
  const drops = t.drops.slice();
  if (dst === METRIC_NAME) drops.fill(0);
  const labels = t.labels.map((l) => {
    const values = sources.map((src) => labelValue(l, src));
    takeText(
      b,
      'label_join',
      values.reduce((sum, v) => sum + v.length + separator.length, 0),
    );
    return setLabel(l, dst, values.join(separator));
  });
  return { ...t, labels, drops };
}

/** Label names are any UTF-8. */
export function isLabelName(name: string): boolean {
  return name !== '' && !LONE.test(name);
}

const LONE = /\p{Surrogate}/u;

function checkName(name: string, what: string, func: string): void {
  if (!isLabelName(name)) throw executionError(`invalid ${what} label name in ${func}(): ${name}`);
}
