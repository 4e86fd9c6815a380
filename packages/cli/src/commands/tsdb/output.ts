// What a command prints goes out in pieces: a dump has millions of lines.
import { stdout, type Output } from '@munjigi/env/node';

const PIECE_CHARS: number = 256 * 1024;

export interface Printer {
  /** One line, without its end. */
  line(text: string): void;
  flush(): void;
}

export function newPrinter(to: Pick<Output, 'write'> = stdout): Printer {
  let pieces: string[] = [];
  let chars = 0;
  const flush = (): void => {
    if (pieces.length > 0) to.write(`${pieces.join('\n')}\n`);
    pieces = [];
    chars = 0;
  };
  return {
    line(text): void {
      pieces.push(text);
      chars += text.length + 1;
      if (chars >= PIECE_CHARS) flush();
    },
    flush,
  };
}
