export * from './ast.ts';
export * from './fragment.ts';
export { FUNCTIONS, type FunctionSignature } from './functions.ts';
export { typeOf } from './check.ts';
export {
  MAX_EXPRESSION_LENGTH,
  MAX_NESTING,
  MAX_REGEXP_PARTS_TOTAL,
  MAX_TREE_DEPTH,
  parse,
  parseSelector,
  type ParseOptions,
  type ParseResult,
} from './parse.ts';
export { placeOf, printParseError, type ParseError, type Place } from './position.ts';
export { prettyExpr, printDurationExpr, printExpr, printSelector } from './print.ts';
export { EMPTY_HISTOGRAM, equalHistograms, type Histogram } from './histogram/histogram.ts';
export { printHistogram } from './histogram/print.ts';
export { execute } from './execute.ts';
export { explainPlan, printExplained, type Detail, type Explained } from './explain.ts';
export { mergePartials } from './merge.ts';
export type { NodeCost, NodeObserver } from './observe.ts';
export { plan, type Plan, type PlanOptions } from './plan.ts';
export type { PlanNode } from './plan-node.ts';
export { closeBudget, giveBytes, QueryError, takeBytes, type QueryErrorKind } from './query-error.ts';
export {
  eachPoint,
  type MatrixResult,
  type Result,
  type ScalarResult,
  type StringResult,
  type VectorResult,
} from './result.ts';
export { runFragment, type RunOptions } from './run-fragment.ts';
export { runScript, type ScriptOptions, type TestStorage } from './scripts/run.ts';
export { writeResult, type WriteOptions } from './write-result.ts';
