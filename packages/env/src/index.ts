export * from './env.ts';
export * from './rpc.ts';
