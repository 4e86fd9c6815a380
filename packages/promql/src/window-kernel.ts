// Window functions in WebAssembly (assembly/window.ts) with the columns that they read, the row that they fill, and the groups that it is added to: a
// series is worked on where it lies.
import { newColumn, startWasm, type Column } from '@munjigi/model';
import { WASM } from './window-wasm.ts';
import type { Samples, WindowFunction, Windows } from './window.ts';

interface Exports {
  someNaN(v: number, n: number): number;
  last(
    t: number,
    v: number,
    n: number,
    steps: number,
    start_ms: number,
    step_ms: number,
    range_ms: number,
    out: number,
    present: number,
  ): void;
  extrapolated(
    t: number,
    v: number,
    n: number,
    steps: number,
    start_ms: number,
    step_ms: number,
    range_ms: number,
    isCounter: number,
    isRate: number,
    resets: number,
    lo: number,
    hi: number,
    out: number,
    present: number,
  ): void;
  summed(
    t: number,
    v: number,
    n: number,
    steps: number,
    start_ms: number,
    step_ms: number,
    range_ms: number,
    isMean: number,
    lo: number,
    hi: number,
    out: number,
    present: number,
  ): void;
  addSums(sums: number, compensation: number, row: number, present: number, n: number): number;
}

/** Most samples of a series and most windows: what is larger is worked on by the twins. */
const SAMPLES = 32_768;
const STEPS = 12_288;

const V_AT: number = 8 * SAMPLES;
const RESETS_AT: number = 2 * V_AT;
const LO_AT: number = RESETS_AT + 4 * SAMPLES;
const HI_AT: number = LO_AT + 4 * STEPS;
const OUT_AT: number = HI_AT + 4 * STEPS;
const PRESENT_AT: number = OUT_AT + 8 * STEPS;
const GROUPS_AT: number = PRESENT_AT + STEPS;
/** Of groups' sums: two numbers and a byte a cell. */
const GROUP_CELLS: number = 1024 * 1024;
const BYTES: number = GROUPS_AT + 17 * GROUP_CELLS;

/** A cell of `present` for a result that the twin has to compute. */
const WITH_CARE = 2;

interface Kernel {
  readonly exports: Exports;
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly bits: Uint32Array;
  readonly out: Float64Array;
  readonly present: Uint8Array;
}

let started: Kernel | null | undefined;

/** This thread's; null: there is no WebAssembly here. */
function kernel(): Kernel | null {
  if (started !== undefined) return started;
  const wasm = startWasm(WASM, BYTES);
  if (wasm === null) return (started = null);
  const { buffer } = wasm.memory;
  started = {
    exports: wasm.exports as Exports,
    t: new Float64Array(buffer, 0, SAMPLES),
    v: new Float64Array(buffer, V_AT, SAMPLES),
    bits: new Uint32Array(buffer, V_AT, 2 * SAMPLES),
    out: new Float64Array(buffer, OUT_AT, STEPS),
    present: new Uint8Array(buffer, PRESENT_AT, STEPS),
  };
  return started;
}

/**
 * A column to decode into, in the kernel's memory where there is one. All fragments of a thread share it: what it holds is gone when another
 * one had its turn. A series that is larger makes it an ordinary one.
 */
export function sharedColumn(): Column {
  const k = kernel();
  if (k === null) return newColumn();
  return { n: 0, t: k.t, v: k.v, bits: k.bits, st: null, kind: null, h: null };
}

/** The kernel, where it can work on these samples. */
function kernelFor(s: Samples, steps: number): Kernel | null {
  const k = kernel();
  return k !== null && s.t === k.t && s.v === k.v && steps <= STEPS ? k : null;
}

/** Whether there may be staleness marks among the samples: a NaN. */
export function mayHaveMarks(s: Samples): boolean {
  const k = kernelFor(s, 0);
  return k === null || k.exports.someNaN(V_AT, s.n) !== 0;
}

export interface Row {
  readonly out: Float64Array;
  readonly present: Uint8Array;
}

let row: Row = { out: new Float64Array(0), present: new Uint8Array(0) };

/** A row of cells to fill, in the kernel's memory where there is one. All fragments of a thread share it likewise. */
export function sharedRow(steps: number): Row {
  const k = kernel();
  if (k !== null && steps <= STEPS) return rowOf(k, steps);
  if (row.out.length !== steps) row = { out: new Float64Array(steps), present: new Uint8Array(steps) };
  return row;
}

/** The first `steps` cells of the kernel's row. Series of a fragment have as many: the views are made once for all. */
function rowOf({ out, present }: Kernel, steps: number): Row {
  if (row.out.length !== steps || row.out.buffer !== out.buffer)
    row = { out: out.subarray(0, steps), present: present.subarray(0, steps) };
  return row;
}

type Run = (e: Exports, n: number, w: Windows) => void;

/** `run` where the samples lie in the kernel's memory, else the twin. */
function inKernel(run: Run, twin: WindowFunction): WindowFunction {
  return (s, w, args, out, present, at) => {
    const k = kernelFor(s, w.steps);
    if (k === null) {
      twin(s, w, args, out, present, at);
      return;
    }
    run(k.exports, s.n, w);
    const cells = rowOf(k, w.steps);
    if (out === cells.out) {
      if (present.includes(WITH_CARE)) twin(s, w, args, out, present.fill(0), at);
      return;
    }
    if (cells.present.includes(WITH_CARE)) {
      twin(s, w, args, out, present, at);
      return;
    }
    out.set(cells.out, at);
    present.set(cells.present, at);
  };
}

export function lastInKernel(twin: WindowFunction): WindowFunction {
  const run: Run = (e, n, w) =>
    e.last(0, V_AT, n, w.steps, w.start_ms, w.step_ms, w.range_ms, OUT_AT, PRESENT_AT);
  return inKernel(run, twin);
}

export function extrapolatedInKernel(
  isCounter: boolean,
  isRate: boolean,
  twin: WindowFunction,
): WindowFunction {
  const [counter, rate] = [Number(isCounter), Number(isRate)];
  const run: Run = (e, n, { steps, start_ms, step_ms, range_ms }) =>
    e.extrapolated(
      0,
      V_AT,
      n,
      steps,
      start_ms,
      step_ms,
      range_ms,
      counter,
      rate,
      RESETS_AT,
      LO_AT,
      HI_AT,
      OUT_AT,
      PRESENT_AT,
    );
  return inKernel(run, twin);
}

export function summedInKernel(isMean: boolean, twin: WindowFunction): WindowFunction {
  const mean = Number(isMean);
  const run: Run = (e, n, { steps, start_ms, step_ms, range_ms }) =>
    e.summed(0, V_AT, n, steps, start_ms, step_ms, range_ms, mean, LO_AT, HI_AT, OUT_AT, PRESENT_AT);
  return inKernel(run, twin);
}

/** Sums of a group with their compensation, a cell a step. */
export interface GroupSums {
  readonly values: Float64Array;
  readonly compensation: Float64Array;
  readonly present: Uint8Array;
}

/** Room for the sums of one fragment's groups, in the kernel's memory as far as there is any. */
export interface GroupRoom {
  add(steps: number): GroupSums;
  /** Whether the shared row was added to them; false: it has cells that are not present, or they lie elsewhere. All of theirs are present. */
  addRow(g: GroupSums): boolean;
  close(): void;
}

/** Fragments that use the kernel's room, and its cells that are taken: all are free when nobody uses it any more. */
let rooms = 0;
let cellsTaken = 0;

export function newGroupRoom(): GroupRoom {
  const k = kernel();
  rooms++;
  return {
    add(steps) {
      if (k === null || cellsTaken + steps > GROUP_CELLS || steps > STEPS)
        return {
          values: new Float64Array(steps),
          compensation: new Float64Array(steps),
          present: new Uint8Array(steps),
        };
      const { buffer } = k.t;
      const at = GROUPS_AT + 8 * cellsTaken;
      const sums = {
        values: new Float64Array(buffer, at, steps),
        compensation: new Float64Array(buffer, at + 8 * GROUP_CELLS, steps),
        present: new Uint8Array(buffer, GROUPS_AT + 16 * GROUP_CELLS + cellsTaken, steps),
      };
      cellsTaken += steps;
      for (const column of Object.values(sums)) column.fill(0);
      return sums;
    },
    addRow({ values, compensation }) {
      if (k === null || values.buffer !== k.t.buffer) return false;
      const { byteOffset, length } = values;
      return k.exports.addSums(byteOffset, compensation.byteOffset, OUT_AT, PRESENT_AT, length) !== 0;
    },
    close() {
      rooms--;
      if (rooms === 0) cellsTaken = 0;
    },
  };
}
