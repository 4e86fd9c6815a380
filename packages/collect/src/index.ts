export {
  parsePrometheusConfig,
  type ParsedConfig,
  type ParseOptions,
  type PrometheusConfig,
} from './config/prometheus.ts';
export type { GlobalConfig, ScrapeLimits, ScrapeProtocol } from './config/global.ts';
export type { ScrapeConfig } from './config/scrape.ts';
export type { StorageConfig } from './config/sections.ts';
export {
  createCollector,
  type Collector,
  type CollectorOptions,
  type DroppedTargetView,
  type TargetsView,
  type TargetView,
} from './collector.ts';
