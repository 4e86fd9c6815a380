export * from './nodeenv.ts';
export * from './process.ts';
