export * from './labels.ts';
export * from './matcher.ts';
export * from './metrics.ts';
export * from './problem.ts';
export * from './regexp.ts';
export * from './sample.ts';
export * from './storage.ts';
export * from './symbols.ts';
