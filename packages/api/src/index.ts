export * from './api.ts';
export * from './deps.ts';
export { unescapeName } from './series-endpoints.ts';
export type { DroppedTargetView, TargetsView, TargetView } from '@munjigi/collect';
