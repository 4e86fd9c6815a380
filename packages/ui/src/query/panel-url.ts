// A query page's state as its link, in the parameter names of Prometheus' own console, so that links work both ways.
import { parseDuration, printDuration } from '../duration.ts';
import { parseInstant, printInstant } from '../instant.ts';
import type { Density, Resolution } from '../step.ts';

/** Everything about one panel that its link holds. */
export interface PanelState {
  readonly expr: string;
  readonly tab: 'table' | 'graph';
  readonly range_ms: number;
  /** End of the graph and moment of the table; null: now. */
  readonly end_ms: number | null;
  readonly resolution: Resolution;
  readonly display: 'lines' | 'stacked';
}

export const NEW_PANEL: PanelState = {
  expr: '',
  tab: 'table',
  range_ms: 3_600_000,
  end_ms: null,
  resolution: { kind: 'auto', density: 'medium' },
  display: 'lines',
};

/** Panels that one page may hold. */
export const PANELS_LIMIT = 20;

/** Reads `g0.expr=...&g0.tab=...`; always gives at least one panel. What it doesn't understand keeps its default. */
export function decodePanels(search: string): PanelState[] {
  const params = new URLSearchParams(search);
  const panels: PanelState[] = [];
  for (let i = 0; i < PANELS_LIMIT && params.has(`g${i}.expr`); i++) {
    panels.push(decodePanel((name) => params.get(`g${i}.${name}`)));
  }
  return panels.length > 0 ? panels : [NEW_PANEL];
}

/** Writes them with a leading `?`; a single untouched panel is ''. */
export function encodePanels(panels: readonly PanelState[]): string {
  if (panels.length === 1 && panels[0] !== undefined && samePanel(panels[0], NEW_PANEL)) return '';
  const parts = panels.flatMap((p, i) =>
    encodePanel(p).map(([name, value]) => `g${i}.${name}=${encodeURIComponent(value)}`),
  );
  return `?${parts.join('&')}`;
}

export function samePanel(a: PanelState, b: PanelState): boolean {
  return JSON.stringify(encodePanel(a)) === JSON.stringify(encodePanel(b));
}

function encodePanel(p: PanelState): [string, string][] {
  const out: [string, string][] = [
    ['expr', p.expr],
    ['tab', p.tab],
    ['display_mode', p.display],
    ['range_input', printDuration(p.range_ms)],
  ];
  if (p.end_ms !== null) {
    const text = printInstant(p.end_ms, 'utc');
    out.push(['end_input', text], ['moment_input', text]);
  }
  if (p.resolution.kind === 'auto') {
    out.push(['res_type', 'auto'], ['res_density', p.resolution.density]);
  } else {
    out.push(['res_type', 'fixed'], ['res_step', String(p.resolution.step_ms / 1000)]);
  }
  return out;
}

function decodePanel(get: (name: string) => string | null): PanelState {
  const tab = get('tab');
  const end = get('end_input') ?? get('moment_input');
  const range = get('range_input');
  return {
    expr: get('expr') ?? '',
    // Numbers are what consoles before Prometheus 3 wrote.
    tab: tab === 'graph' || tab === '0' ? 'graph' : 'table',
    range_ms: (range === null ? null : parseDuration(range)) ?? NEW_PANEL.range_ms,
    end_ms: end === null ? null : parseInstant(end, 'utc'),
    resolution: decodeResolution(get),
    display: get('display_mode') === 'stacked' || get('stacked') === '1' ? 'stacked' : 'lines',
  };
}

function decodeResolution(get: (name: string) => string | null): Resolution {
  const step_s = Number(get('res_step') ?? get('step_input') ?? NaN);
  const density = get('res_density');
  const kind = get('res_type') ?? (Number.isFinite(step_s) ? 'fixed' : 'auto');
  if ((kind === 'fixed' || kind === 'custom') && step_s > 0 && Number.isFinite(step_s)) {
    return { kind: 'fixed', step_ms: Math.max(1, Math.round(step_s * 1000)) };
  }
  return { kind: 'auto', density: isDensity(density) ? density : 'medium' };
}

function isDensity(text: string | null): text is Density {
  return text === 'low' || text === 'medium' || text === 'high';
}
