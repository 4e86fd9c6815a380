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
