export * from './ast.ts';
export * from './fragment.ts';
export { FUNCTIONS, type FunctionSignature } from './functions.ts';
export { typeOf } from './check.ts';
export {
  MAX_EXPRESSION_LENGTH,
  MAX_NESTING,
  MAX_TREE_DEPTH,
  parse,
  parseSelector,
  type ParseOptions,
  type ParseResult,
} from './parse.ts';
export { placeOf, printParseError, type ParseError, type Place } from './position.ts';
export { printDurationExpr, printExpr, printMatcher } from './print.ts';
export { EMPTY_HISTOGRAM, type Histogram } from './histogram/histogram.ts';
export { execute } from './execute.ts';
export { mergePartials } from './merge.ts';
export type { PlanNode } from './plan-node.ts';
export { plan, type Plan, type PlanOptions } from './plan.ts';
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
export { writeResult, type WriteOptions } from './write-result.ts';
