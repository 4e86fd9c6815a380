export {
  parsePrometheusConfig,
  type ParsedConfig,
  type ParseOptions,
  type PrometheusConfig,
} from './configuration/prometheus.ts';
export type { GlobalConfig, ScrapeLimits, ScrapeProtocol } from './configuration/global.ts';
export type { ScrapeConfig } from './configuration/scrape.ts';
export type { RetentionConfig, StorageConfig } from './configuration/storage.ts';
export {
  createCollector,
  type Collector,
  type CollectorOptions,
  type DroppedTargetView,
  type RefusedOfTarget,
  type RefusedView,
  type TargetsView,
  type TargetView,
} from './collector.ts';
