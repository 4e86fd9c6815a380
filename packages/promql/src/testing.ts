// For tests of this package and of those above it: a store in memory, queries in one thread, Prometheus' test scripts.
export { queryOnce, type QueryParams, type Readable } from './testing/query.ts';
export {
  runScript,
  type ScriptFailure,
  type ScriptOptions,
  type ScriptResult,
  type TestStorage,
} from './testing/run.ts';
export { parseScript, type ScriptProblem } from './testing/script.ts';
export { MemoryStore } from './testing/store.ts';
