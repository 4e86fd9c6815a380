// The two functions of our PromQL package that the editor needs, as a file of its own: loading the package by name would bring its engine too.
export { parse, printExpr } from '@munjigi/promql';
