export { discover, type Discovery, type DiscoveryConfig } from './discovery.ts';
export { fileConfig, readGroups, type FileConfig } from './file.ts';
export {
  ADDRESS,
  groupOf,
  labelSet,
  mergeLabels,
  staticConfig,
  type StaticConfig,
  type TargetGroup,
} from './group.ts';
export { relabelConfigs } from './relabel.ts';
