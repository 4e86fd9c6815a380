export * from './world.ts';
export type { CrashKind, DiskOperation, Fault, SimDisk } from './disk.ts';
export type { SimLogLine } from './log.ts';
export { Prng } from './prng.ts';
export type { SimHttpFace } from './http.ts';
export type { NetFaults, SimNetFace } from './net.ts';
export { SimCrash } from './task.ts';
