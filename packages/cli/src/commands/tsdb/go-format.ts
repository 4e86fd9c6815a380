// Texts as Go's fmt, strconv and text/tabwriter print them: what promtool prints is compared and parsed by scripts.

/** `%g` with as many digits as are needed: exponents from 1e+06 up and below 1e-04. */
export function goFloat(v: number): string {
  if (Number.isNaN(v)) return 'NaN';
  if (!Number.isFinite(v)) return v > 0 ? '+Inf' : '-Inf';
  if (v === 0) return Object.is(v, -0) ? '-0' : '0';
  const [digits = '', exponent = ''] = v.toExponential().split('e');
  const e = Number(exponent);
  if (e >= -4 && e < 6) return String(v);
  return `${digits}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`;
}

const UNITS: readonly string[] = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Each unit with its whole number, zeros left out: 1MiB300KiB12B. */
export function goBytes(bytes: number): string {
  if (bytes === 0) return '0B';
  const parts: string[] = [];
  let rest = bytes;
  for (const unit of UNITS) {
    const n = rest % 1024;
    if (n > 0) parts.unshift(`${n}${unit}`);
    rest = Math.floor(rest / 1024);
  }
  return parts.join('');
}

/** What Go takes for printable. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** As `strconv.Quote`. */
export function goQuote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let out = '"';
  for (const char of text) {
    const short = SHORT[char];
    if (short !== undefined) out += short;
    else if (PRINTABLE.test(char)) out += char;
    else out += escaped(char.codePointAt(0)!);
  }
  return `${out}"`;
}

function escaped(code: number): string {
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Columns as `tabwriter.NewWriter(w, least, 0, 2, ' ', 0)` aligns them. */
export function goTable(rows: readonly (readonly string[])[], least: number): string {
  const widths: number[] = [];
  for (const row of rows)
    row.slice(0, -1).forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? least, width(cell) + 2);
    });
  return rows
    .map(
      (row) =>
        `${row.map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - width(cell)))).join('')}\n`,
    )
    .join('');
}

/** In characters, as Go counts them. */
function width(cell: string): number {
  return Array.from(cell).length;
}
