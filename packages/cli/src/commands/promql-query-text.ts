// Results as a table for people and as CSV for other programs.
import { labelPairs, labelValue, METRIC_NAME, printLabels, printRfc3339 } from '@munjigi/model';
import type { Answer, Series } from './promql-query-answer.ts';
import type { Printer } from './tsdb/output.ts';

/** `columns`: the room there is; Infinity where nobody looks at it. */
export function printTable(out: Printer, answer: Answer, columns: number): void {
  switch (answer.type) {
    case 'scalar':
    case 'string':
      for (const { points } of answer.series) for (const { text } of points) out.line(text);
      return;
    case 'vector':
      vectorTable(out, answer.series, columns);
      return;
    case 'matrix':
      matrixTable(out, answer.series);
  }
}

/** A column a label where they fit beside each other, else series as PromQL writes them. */
function vectorTable(out: Printer, series: readonly Series[], columns: number): void {
  if (series.length === 0) return;
  const names = labelNames(series);
  const byLabel = [
    [...names, 'VALUE'],
    ...series.map((s) => [...names.map((name) => labelValue(s.labels, name)), s.points[0]?.text ?? '']),
  ];
  if (names.length > 0 && tableWidth(byLabel) <= columns) return printRows(out, byLabel);
  printRows(out, [
    ['SERIES', 'VALUE'],
    ...series.map((s) => [printLabels(s.labels), s.points[0]?.text ?? '']),
  ]);
}

function matrixTable(out: Printer, series: readonly Series[]): void {
  for (const { labels, points } of series) {
    out.line(printLabels(labels));
    const width = points.reduce((most, { t_ms }) => Math.max(most, printRfc3339(t_ms).length), 0);
    for (const { t_ms, text } of points) out.line(`  ${printRfc3339(t_ms).padEnd(width)}  ${text}`);
  }
}

const GAP = 2;

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, charCount(shown(cell)))));
  return widths;
}

function tableWidth(rows: readonly (readonly string[])[]): number {
  return columnWidths(rows).reduce((sum, width) => sum + width + GAP, -GAP);
}

function printRows(out: Printer, rows: readonly (readonly string[])[]): void {
  const widths = columnWidths(rows);
  for (const row of rows)
    out.line(
      row
        .map(shown)
        .map((cell, i) =>
          i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - charCount(cell) + GAP),
        )
        .join(''),
    );
}

function charCount(text: string): number {
  return Array.from(text).length;
}

/** A label's value may hold what would break lines or move the cursor. */
function shown(cell: string): string {
  return cell.replace(/[\p{Cc}\u2028\u2029]/gu, (c) => JSON.stringify(c).slice(1, -1));
}

/** One row a sample: labels (the metric's name first), time, value; quoted as RFC 4180 says. */
export function printCsv(out: Printer, answer: Answer): void {
  const names = labelNames(answer.series);
  // Each column has a name of its own.
  const heads = names.map((name) => (name === 'time' || name === 'value' ? `label ${name}` : name));
  out.line([...heads, 'time', 'value'].map(csvField).join(','));
  for (const { labels, points } of answer.series) {
    const head = names.map((name) => `${csvField(labelValue(labels, name))},`).join('');
    for (const { t_ms, text } of points) out.line(`${head}${printRfc3339(t_ms)},${csvField(text)}`);
  }
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All names of labels in order, the metric's first. */
function labelNames(series: readonly Series[]): string[] {
  const names = new Set<string>();
  for (const { labels } of series) for (const [name] of labelPairs(labels)) names.add(name);
  return [...names].sort((a, b) =>
    a === METRIC_NAME ? -1 : b === METRIC_NAME ? 1 : a < b ? -1 : a > b ? 1 : 0,
  );
}
