// Numbers for people. Values in tables are printed exactly as the server wrote them; these are for axes, legends and the overview.

const LARGE: readonly (readonly [number, string])[] = [
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];
const SMALL: readonly (readonly [number, string])[] = [
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'µ'],
  [1e-9, 'n'],
];

/** Three significant digits with a metric prefix: 1234 is `1.23k`, 0.0021 is `2.1m`. */
export function printShort(v: number): string {
  if (Number.isNaN(v)) return 'NaN';
  if (v === Infinity) return '+Inf';
  if (v === -Infinity) return '-Inf';
  const abs = Math.abs(v);
  if (abs === 0) return '0';
  // Rounded first, so that 999,999 becomes 1M and not 1000k.
  const rounded = Math.abs(Number(abs.toPrecision(3)));
  const sign = v < 0 ? '-' : '';
  for (const [size, unit] of [...LARGE, ...SMALL]) {
    if (rounded >= size) {
      const scaled = rounded / size;
      return scaled >= 1000 ? v.toExponential(2) : `${sign}${trim(scaled.toPrecision(3))}${unit}`;
    }
  }
  return trimExponent(v.toExponential(2));
}

/** Requests a second: `0`, `0.03`, `4.2`, `412`, `12.4k`. */
export function printRate(v: number): string {
  if (!Number.isFinite(v)) return '-';
  if (v === 0) return '0';
  if (v < 0.01) return '<0.01';
  if (v < 10) return trim(v.toFixed(v < 1 ? 2 : 1));
  if (v < 1000) return String(Math.round(v));
  return printShort(v);
}

/** A share as per cent: 0.0213 is `2.13 %`; a tiny one stays visible as `<0.01 %`. */
export function printPercent(ratio: number): string {
  if (!Number.isFinite(ratio)) return '-';
  const p = ratio * 100;
  if (p === 0) return '0 %';
  if (p < 0.01) return '<0.01 %';
  if (p < 10) return `${trim(p.toFixed(2))} %`;
  return `${trim(p.toFixed(1))} %`;
}

/** Seconds as a latency: 0.0123 is `12.3 ms`. */
export function printLatency(s: number): string {
  if (Number.isNaN(s) || s < 0) return '-';
  if (s === Infinity) return '>max';
  if (s < 0.001) return `${trim((s * 1e6).toPrecision(3))} µs`;
  if (s < 0.9995) return `${trim((s * 1e3).toPrecision(3))} ms`;
  return `${trim(s < 99.95 ? s.toPrecision(3) : String(Math.round(s)))} s`;
}

/** Whole numbers with thin separators: `12,345`. */
export function printCount(n: number): string {
  return Number.isFinite(n) ? Math.round(n).toLocaleString('en-US') : '-';
}

/** A sample value as Prometheus writes it in JSON. */
export function parseSample(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return text === 'NaN' ? NaN : Number(text);
}

/** A value where exactness matters (legend, hover): up to 6 significant digits without exponent where that is short. */
export function printValue(v: number): string {
  if (!Number.isFinite(v)) return printShort(v);
  const abs = Math.abs(v);
  if (abs !== 0 && (abs >= 1e15 || abs < 1e-5)) return trimExponent(v.toExponential(4));
  if (Number.isInteger(v)) return v.toLocaleString('en-US');
  if (abs >= 1e5) return v.toLocaleString('en-US', { maximumFractionDigits: 1 });
  return trim(v.toPrecision(6));
}

function trim(fixed: string): string {
  return fixed.includes('.') && !fixed.includes('e') ? fixed.replace(/\.?0+$/, '') : fixed;
}

function trimExponent(text: string): string {
  const at = text.indexOf('e');
  return at < 0 ? text : `${trim(text.slice(0, at))}${text.slice(at)}`;
}
