// For tests of this package and of those above it: a store in memory, queries in one thread, Prometheus' test scripts.
export { MemoryStore, plainReader, queryOnce, type QueryParams, type Readable } from './testing/store.ts';
export { parseTestFile, runTestFile, type TestCase, type TestFileResult } from './testing/script.ts';
