// What `/api/v1/features` says: Prometheus' names of features by category, and whether this program has them.
import { FUNCTIONS } from '@munjigi/promql';
import type { MunjigiConfig } from './config.ts';

export type Features = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

const OPERATORS: readonly string[] = (
  '!= !~ % * + - / < </ <= == =~ > >/ >= @ ^ and atan2 avg bottomk count count_values group limit_ratio limitk max min or quantile ' +
  'stddev stdvar sum topk unless'
).split(' ');

const SYNTAX: readonly string[] = (
  'anchored at_modifier bool by duration_expr fill fill_left fill_right group_left group_right ignoring negative_offset offset on ' +
  'per_query_lookback_delta per_step_stats smoothed subqueries without'
).split(' ');

/** Names in the order of their bytes, as Prometheus writes them. */
export function features({ console, metrics, query }: MunjigiConfig): Features {
  return {
    api: {
      admin: metrics.adminApi,
      exclude_alerts: false,
      label_values_match: true,
      lifecycle: console.allowReload,
      'openapi_3.1': false,
      'openapi_3.2': false,
      otlp_write_receiver: false,
      query_cost: query.features.includes('query-cost'),
      query_stats: true,
      query_warnings: true,
      remote_write_receiver: false,
      search: false,
      time_range_labels: true,
      time_range_series: true,
    },
    prometheus: { agent_mode: false, auto_reload_config: true, server_mode: true },
    promql: inOrder([
      ...SYNTAX.map((name): [string, boolean] => [name, true]),
      ['delayed_name_removal', query.features.includes('promql-delayed-name-removal')],
      ['type_and_unit_labels', false],
      ['unquoted_utf8_names', false],
    ]),
    promql_functions: inOrder([...FUNCTIONS.keys()].map((name) => [name, true])),
    promql_operators: inOrder(OPERATORS.map((name) => [name, true])),
    rules: { concurrent_rule_eval: false, keep_firing_for: false, query_offset: false },
    service_discovery_providers: { file: true, static: true },
    tsdb: {
      delayed_compaction: false,
      exemplar_storage: true,
      isolation: true,
      native_histograms: true,
      st_storage: true,
      xor2_encoding: true,
    },
  };
}

function inOrder(rows: readonly (readonly [name: string, enabled: boolean])[]): Record<string, boolean> {
  return Object.fromEntries([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
}
