// Panels and their address, both ways, and the addresses that Prometheus' own console writes.
import { describe, expect, test } from 'vitest';
import { decodePanels, encodePanels, NEW_PANEL, PANELS_LIMIT, type PanelState } from './panel-url.ts';

const FULL: PanelState = {
  expr: 'sum by (a) (rate(x{b="c&d=e", f="ü+ #"}[5m])) > 1',
  tab: 'graph',
  range_ms: 5_400_000,
  end_ms: 1_795_372_200_000,
  resolution: { kind: 'fixed', step_ms: 1500 },
  display: 'stacked',
};

describe('round trip', () => {
  test.each<[string, PanelState[]]>([
    ['one', [FULL]],
    [
      'several',
      [
        FULL,
        { ...NEW_PANEL, expr: 'up' },
        { ...FULL, end_ms: null, resolution: { kind: 'auto', density: 'high' } },
      ],
    ],
    ['an empty one beside another', [NEW_PANEL, FULL]],
  ])('%s', (_, panels) => {
    const search = encodePanels(panels);
    expect(decodePanels(search)).toEqual(panels);
    expect(encodePanels(decodePanels(search))).toBe(search);
  });
  test('an untouched page has a bare address', () => {
    expect(encodePanels([NEW_PANEL])).toBe('');
    expect(decodePanels('')).toEqual([NEW_PANEL]);
  });
});

describe("Prometheus' links", () => {
  test.each<[string, Partial<PanelState>]>([
    [
      '?g0.expr=up&g0.show_tree=0&g0.tab=graph&g0.end_input=2026-11-22%2018%3A30%3A00&g0.moment_input=2026-11-22%2018%3A30%3A00&g0.range_input=2h&g0.res_type=auto&g0.res_density=high&g0.display_mode=lines&g0.show_exemplars=0',
      {
        expr: 'up',
        tab: 'graph',
        end_ms: 1_795_372_200_000,
        range_ms: 7_200_000,
        resolution: { kind: 'auto', density: 'high' },
      },
    ],
    [
      '?g0.expr=up&g0.tab=1&g0.stacked=0&g0.range_input=1h',
      { expr: 'up', tab: 'table', range_ms: 3_600_000 },
    ],
    [
      '?g0.expr=up&g0.tab=0&g0.stacked=1&g0.step_input=30',
      { tab: 'graph', display: 'stacked', resolution: { kind: 'fixed', step_ms: 30_000 } },
    ],
    ['?g0.expr=up&g0.res_type=custom&g0.res_step=7.5', { resolution: { kind: 'fixed', step_ms: 7500 } }],
    ['?g0.expr=a%2Bb+c', { expr: 'a+b c' }],
    [
      '?g0.expr=up&g0.tab=explain&g0.range_input=zzz&g0.end_input=zzz&g0.res_type=fixed&g0.res_step=-1&g0.res_density=huge',
      { ...NEW_PANEL, expr: 'up' },
    ],
    ['?g1.expr=lost', { expr: '' }],
  ])('%s', (search, panel) => expect(decodePanels(search)[0]).toMatchObject(panel));

  test('no more panels than the limit', () => {
    const search = `?${Array.from({ length: PANELS_LIMIT + 5 }, (_, i) => `g${i}.expr=up`).join('&')}`;
    expect(decodePanels(search)).toHaveLength(PANELS_LIMIT);
  });
});
