// Numbers as Go reads and writes them: PromQL literals, values of the HTTP API, label values made from numbers.

export type NumberResult = { readonly value: number } | { readonly error: string };

const UNDERSCORES = /^[^_]*(?:(?<=[0-9a-fA-F]|^0[xX])_(?=[0-9a-fA-F])[^_]*)*$/;

/**
 * Reads a number literal as PromQL does: first as an integer (0x hexadecimal, 0o or leading 0 octal, 0b binary), then as a
 * float; `_` may separate digits; `Inf` and `NaN` in any case, signs allowed.
 */
export function parseNumber(text: string): NumberResult {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text;
  if (/^inf(?:inity)?$/i.test(body)) return { value: sign * Infinity };
  if (/^nan$/i.test(body)) return { value: NaN };
  const bad: NumberResult = {
    error: `strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`,
  };
  if (body.includes('_') && !UNDERSCORES.test(body)) return bad;
  const plain = body.replaceAll('_', '');
  if (/^0[xX][0-9a-fA-F]+$/.test(plain) || /^0[bB][01]+$/.test(plain) || /^0[oO][0-7]+$/.test(plain)) {
    return bitsOf(plain) < 64 ? { value: sign * Number(plain.toLowerCase()) } : bad;
  }
  if (/^0[0-7]+$/.test(plain)) return { value: sign * Number(`0o${plain.slice(1)}`) };
  if (!/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(plain)) return bad;
  const value = Number(plain);
  if (value === Infinity)
    return { error: `strconv.ParseFloat: parsing ${JSON.stringify(text)}: value out of range` };
  return { value: sign * value };
}

/** How many bits an integer written with a base prefix takes; its number may be rounded to one more. */
function bitsOf(prefixed: string): number {
  const base = prefixed[1]!.toLowerCase();
  const digits = prefixed.slice(2).replace(/^0+/, '');
  if (digits === '') return 0;
  const each = base === 'x' ? 4 : base === 'o' ? 3 : 1;
  return (digits.length - 1) * each + Number.parseInt(digits[0]!, 16).toString(2).length;
}

/**
 * The shortest digits that read back as the same number, as Go's strconv writes them.
 * 'f' never has an exponent; 'g' (Go's `%v`) has one below 1e-4 and from 1e6 on; 'json' is what Prometheus writes in its API: an
 * exponent below 1e-6 and from 1e21 on. Not finite: `+Inf`, `-Inf`, `NaN`.
 */
export function formatNumber(value: number, format: 'f' | 'g' | 'json' = 'f'): string {
  if (value !== value) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  // JavaScript's own notation changes at the same places as 'json' does, only its exponent has one digit where Go has two.
  if (format === 'json') return size < 1e-6 || size >= 1e21 ? withExponent(value) : String(value);
  if (format === 'g' && (size < 1e-4 || size >= 1e6)) return withExponent(value);
  return withoutExponent(value);
}

function withExponent(value: number): string {
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const power = exponent.slice(1);
  return `${digits}e${exponent[0]}${power.length < 2 ? `0${power}` : power}`;
}

function withoutExponent(value: number): string {
  const text = String(value);
  const at = text.indexOf('e');
  if (at < 0) return text;
  const negative = text.startsWith('-');
  const digits = text.slice(negative ? 1 : 0, at).replace('.', '');
  const power = Number(text.slice(at + 1));
  const places =
    power < 0 ? `0.${'0'.repeat(-power - 1)}${digits}` : digits + '0'.repeat(power - digits.length + 1);
  return negative ? `-${places}` : places;
}
