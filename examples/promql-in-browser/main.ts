// The page: downloads the series, evaluates what is typed as it is typed, and shows what comes of it.
import { printDuration } from '@munjigi/model';
import { evaluate, type Outcome, type Problem, type Times } from './evaluate.ts';
import { COLOURS, drawGraph } from './graph.ts';
import { clockText, rowsOf, timeText, type Row } from './rows.ts';
import { readSeries, type Loaded } from './series.ts';

const SERIES_URL = './series.json';
const EXAMPLES: readonly string[] = [
  'sum by (job) (rate(http_requests_total[5m]))',
  'sum by (job) (rate(http_requests_total{code="500"}[5m])) / sum by (job) (rate(http_requests_total[5m]))',
  'histogram_quantile(0.9, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))',
  'process_resident_memory_bytes / 1e6',
  'up == 0',
];
const LENGTHS_MIN: readonly number[] = [15, 30, 60, 120];
const STEPS_S: readonly number[] = [15, 30, 60, 300];
/** Rows that the table shows, and points of one of them where the result is samples. */
const MAX_ROWS = 200;
/** What the frame around the graph takes of its width. */
const FRAME = 30;

function find(id: string): HTMLElement {
  return document.getElementById(id)!;
}

const query = document.querySelector<HTMLTextAreaElement>('#query')!;
const time = document.querySelector<HTMLInputElement>('#time')!;
const timeOutput = document.querySelector<HTMLOutputElement>('#time-text')!;
const length = document.querySelector<HTMLSelectElement>('#length')!;
const step = document.querySelector<HTMLSelectElement>('#step')!;
const file = document.querySelector<HTMLInputElement>('#file')!;
const status = find('status');

let loaded: Loaded | null = null;
/** Of evaluations that overlap only the newest is shown. */
let newest = 0;

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function isRange(): boolean {
  return document.querySelector<HTMLInputElement>('input[name=mode]:checked')?.value === 'range';
}

function timesNow({ first_ms }: Loaded): Times {
  const end_ms = Number(time.value);
  if (!isRange()) return { start_ms: end_ms, end_ms, step_ms: 0 };
  const step_ms = Number(step.value) * 1000;
  const start_ms = Math.max(first_ms, end_ms - Number(length.value) * 60_000);
  return { start_ms: Math.min(start_ms, end_ms - step_ms), end_ms, step_ms };
}

async function update(): Promise<void> {
  if (loaded === null) return;
  const run = ++newest;
  for (const part of document.querySelectorAll<HTMLElement>('.ranged')) part.hidden = !isRange();
  timeOutput.value = `${timeText(Number(time.value))} UTC`;
  const times = timesNow(loaded);
  const outcome = await evaluate(query.value, times, loaded);
  if (run !== newest) return;
  show(outcome, times);
}

function show(outcome: Outcome, times: Times): void {
  query.setAttribute('aria-invalid', String(outcome.kind === 'wrong'));
  find('problems').replaceChildren(...(outcome.kind === 'wrong' ? outcome.problems.map(problemView) : []));
  find('notes').replaceChildren();
  find('graph').replaceChildren();
  find('table').replaceChildren();
  if (outcome.kind === 'blank') status.textContent = 'Type a query, or take one of the examples.';
  if (outcome.kind === 'wrong') status.textContent = '';
  if (outcome.kind !== 'result') return;
  const { result, took_ms } = outcome;
  const rows = rowsOf(result);
  status.textContent =
    rows.length === 0
      ? 'The result is empty: no series at these times.'
      : `${rows.length} series, ${result.samplesRead} samples read, ${took_ms.toFixed(1)} ms`;
  find('notes').replaceChildren(
    ...result.annotations.map(({ severity, message }) =>
      element('p', { className: `note ${severity}` }, message),
    ),
  );
  const drawn = times.step_ms > 0 && rows.length > 0;
  if (drawn) showGraph(rows, times);
  if (rows.length > 0) find('table').replaceChildren(tableView(rows, drawn, result.type === 'matrix'));
}

function showGraph(rows: readonly Row[], times: Times): void {
  const into = find('graph');
  const svg = drawGraph(rows, times, Math.max(240, into.parentElement!.clientWidth - FRAME));
  into.replaceChildren(svg ?? element('p', { className: 'note' }, 'There is no finite number to draw.'));
}

/** The message, and the line that it is about with the wrong part marked; choosing it selects that part in the query. */
function problemView({ message, span, place }: Problem): HTMLElement {
  const head = element('p', {}, place === '' ? '' : element('strong', {}, place), ` ${message}`);
  if (span === null) return element('div', { className: 'problem' }, head);
  const text = query.value;
  const from = text.lastIndexOf('\n', span.start - 1) + 1;
  const end = text.indexOf('\n', span.start);
  const to = end < 0 ? text.length : end;
  const marked = text.slice(span.start, Math.min(to, Math.max(span.end, span.start + 1)));
  const button = element(
    'button',
    { type: 'button', title: 'Select it in the query' },
    text.slice(from, span.start),
    element('mark', {}, marked === '' ? ' ' : marked),
    text.slice(span.start + marked.length, to),
  );
  button.addEventListener('click', () => {
    query.focus();
    query.setSelectionRange(span.start, span.end);
  });
  return element('div', { className: 'problem' }, head, button);
}

function tableView(rows: readonly Row[], drawn: boolean, many: boolean): HTMLElement {
  const body = element('tbody', {});
  rows.slice(0, MAX_ROWS).forEach(({ name, points }, i) => {
    const last = points.at(-1)!;
    const series = element('td', { className: 'name' }, name);
    if (drawn) series.prepend(element('span', { className: `swatch c${i % COLOURS}` }));
    body.append(
      element(
        'tr',
        {},
        series,
        element('td', { className: 'value' }, last.text),
        ...(many
          ? [
              element('td', { className: 'value' }, clockText(last.t_ms)),
              element('td', { className: 'value' }, String(points.length)),
            ]
          : []),
      ),
    );
  });
  const heads = many ? ['Series', 'Last value', 'at', 'Points'] : ['Series', 'Value'];
  const table = element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)))),
    body,
  );
  const more =
    rows.length > MAX_ROWS ? [element('p', { className: 'note' }, `and ${rows.length - MAX_ROWS} more`)] : [];
  return element('div', {}, element('div', { className: 'scroll' }, table), ...more);
}

/** Takes a file's text as the series; says what is wrong with it otherwise. */
function take(text: string, name: string): void {
  try {
    loaded = readSeries(text);
  } catch (error) {
    status.textContent = `${name}: ${(error as Error).message}`;
    return;
  }
  const { series, samples, first_ms, last_ms } = loaded;
  find('source').textContent =
    `${name}: ${series} series, ${samples} ${samples === 1 ? 'sample' : 'samples'}.`;
  time.min = String(first_ms);
  time.max = String(last_ms);
  time.step = '15000';
  time.value = String(last_ms);
  void update();
}

async function download(): Promise<void> {
  status.textContent = 'Downloading the series…';
  try {
    const response = await fetch(SERIES_URL);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    take(await response.text(), 'series.json');
  } catch (error) {
    status.textContent = `The series did not come: ${(error as Error).message}`;
  }
}

function fill(select: HTMLSelectElement, values: readonly number[], unit_ms: number, chosen: number): void {
  for (const value of values)
    select.append(
      element('option', { value: String(value), selected: value === chosen }, printDuration(value * unit_ms)),
    );
}

fill(length, LENGTHS_MIN, 60_000, 120);
fill(step, STEPS_S, 1000, 60);
for (const text of EXAMPLES) {
  const button = element('button', { type: 'button' }, text);
  button.addEventListener('click', () => {
    query.value = text;
    void update();
  });
  find('examples').append(button);
}
query.value = EXAMPLES[0]!;
document.querySelector('.ask')!.addEventListener('input', (event) => {
  if (event.target !== file) void update();
});
file.addEventListener('change', () => {
  const chosen = file.files?.[0];
  if (chosen !== undefined) void chosen.text().then((text) => take(text, chosen.name));
});
let width = 0;
new ResizeObserver(([entry]) => {
  const now = entry!.contentRect.width;
  if (now === width) return;
  width = now;
  void update();
}).observe(document.querySelector('main')!);
void download();
