// A binary operator between two elements of which at least one is a native histogram, and the trim operators. Prometheus 3.16, vectorElemBinop.
import { RESET_HINT } from '@munjigi/model';
import { boundsReconciled, incompatibleLayout, incompatibleTypes, resetCollision } from './annotations.ts';
import type { BinaryOp } from './ast.ts';
import type { Remark } from './fragment.ts';
import { addHistograms, divideHistogram, scaleHistogram, subHistograms } from './histogram/arithmetic.ts';
import { compact, equalHistograms, type Histogram } from './histogram/histogram.ts';
import { trimLower, trimUpper } from './histogram/trim.ts';

/** A float, or a histogram. */
export type Element = number | Histogram;

export interface Outcome {
  /** The result; of a comparison the left side. Null: there is none. */
  readonly result: Histogram | null;
  /** Of a comparison: whether it holds. */
  readonly keep: boolean;
  readonly note: Remark | null;
}

const of = (result: Histogram, note: Remark | null = null): Outcome => ({ result, keep: true, note });
const none = (note: Remark): Outcome => ({ result: null, keep: false, note });

/** Of two floats only the trim operators come here. */
export function histogramBinary(op: BinaryOp, a: Element, b: Element, place: string): Outcome {
  if (typeof a !== 'number' && typeof b !== 'number') return ofHistograms(op, a, b, place);
  if (typeof a !== 'number' && typeof b === 'number') {
    if (op === '*') return of(compact(scaleHistogram(a, b)));
    if (op === '/') return of(compact(divideHistogram(a, b)));
    if (op === '</') return of(trimUpper(a, b));
    if (op === '>/') return of(trimLower(a, b));
  } else if (typeof b !== 'number' && typeof a === 'number' && op === '*')
    return of(compact(scaleHistogram(b, a)));
  return none(incompatibleTypes(wordOf(a), op, wordOf(b), place));
}

function wordOf(e: Element): string {
  return typeof e === 'number' ? 'float' : 'histogram';
}

function ofHistograms(op: BinaryOp, a: Histogram, b: Histogram, place: string): Outcome {
  if (op === '==' || op === '!=')
    return { result: a, keep: equalHistograms(a, b) === (op === '=='), note: null };
  if (op !== '+' && op !== '-') return none(incompatibleTypes('histogram', op, 'histogram', place));
  const operation = op === '+' ? 'addition' : 'subtraction';
  const r = op === '+' ? addHistograms(a, b) : subHistograms(a, b);
  if ('error' in r) return none(incompatibleLayout(op, place));
  if (r.resetCollision) return none(resetCollision(operation, place));
  const h = op === '+' ? r.h : { ...r.h, resetHint: RESET_HINT.gauge };
  return of(compact(h), r.boundsReconciled ? boundsReconciled(operation, place) : null);
}
