// How large an expression is for an engine, without one: repetitions are written out there, so that few characters may be much work.

/**
 * How many parts of an expression are more than plain text: classes, groups, repetitions, each as often as repetitions around it say.
 * Linear in the length; what is no valid expression gives some number.
 */
export function regExpParts(source: string): number {
  const around: number[] = [];
  const repeat = /\{([0-9]+)(?:(,)([0-9]*))?\}/y;
  let sum = 0;
  // Of the part that a repetition after it would repeat.
  let last = 0;
  for (let i = 0; i < source.length; i++) {
    switch (source[i]) {
      case '\\':
        i++;
        last = /[a-zA-Z]/.test(source[i] ?? '') ? 1 : 0;
        sum += last;
        break;
      case '[':
        i = classEnd(source, i);
        last = 1;
        sum++;
        break;
      case '.':
        last = 1;
        sum++;
        break;
      case '(':
        around.push(sum);
        sum = 0;
        last = 0;
        // `(?:` repeats nothing.
        if (source[i + 1] === '?') i++;
        break;
      case ')':
        last = sum + 1;
        sum = (around.pop() ?? 0) + last;
        break;
      case '*':
      case '+':
      case '?':
        last++;
        sum++;
        break;
      case '{': {
        repeat.lastIndex = i;
        const [text, least, , most] = repeat.exec(source) ?? [];
        if (text === undefined) break;
        i += text.length - 1;
        const times = Math.max(1, Number(least), Number(most ?? 0));
        const all = (last + 1) * times;
        sum += all - last;
        last = all;
        break;
      }
      default:
        last = 0;
    }
  }
  return around.reduce((a, b) => a + b, sum);
}

/** Where a class ends: its `]`, which is none as the first character. */
function classEnd(source: string, open: number): number {
  let i = open + 1;
  if (source[i] === '^') i++;
  if (source[i] === ']') i++;
  while (i < source.length && source[i] !== ']') {
    if (source[i] === '\\') i++;
    else if (source.startsWith('[:', i)) {
      const close = source.indexOf(':]', i + 2);
      if (close > 0) i = close + 1;
    }
    i++;
  }
  return i;
}
