export * from './snapshot.ts';
export { createDataPlane, ACK_TIMEOUT_MS, type DataPlaneOptions, type RunningDataPlane } from './plane.ts';
export { SharedCounters, type EndpointHealth } from './counters/families.ts';
export { GATE_LIMITS, type GateLimits } from './gate.ts';
export { contentHash } from './hash.ts';
export { LIMIT_SLOTS } from './filter/limits.ts';
export type { WorkerState } from './worker-slot.ts';
