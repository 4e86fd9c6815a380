// For programs without a store of their own: series in memory, and a query from text to result in one call.
export { queryOnce, type QueryParams, type Readable } from './memory/query-once.ts';
export { MemoryStore } from './memory/store.ts';
