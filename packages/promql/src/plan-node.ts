// The tree that `execute` walks: an expression with its evaluation times settled and its selectors replaced by fragments.
import type { Labels, Matcher } from '@munjigi/model';
import type { AggregateOp, BinaryOp, Matching } from './ast.ts';
import type { Fragment, Grid } from './fragment.ts';
import type { Windows } from './window.ts';

export type PlanNode =
  | NumberNode
  | StringNode
  | FragmentNode
  | WindowNode
  | SubqueryNode
  | RepeatNode
  | AbsentNode
  | InfoNode
  | CallNode
  | AggregateNode
  | BinaryNode
  | NegateNode
  | PlusNode
  | FailNode
  | NothingNode;

interface Node {
  /** Times at which the node has values. */
  readonly grid: Grid;
  /** Place of the expression in the query as `line:column`. */
  readonly place: string;
}

export interface NumberNode extends Node {
  readonly kind: 'number';
  readonly value: number;
}

export interface StringNode extends Node {
  readonly kind: 'string';
  readonly value: string;
}

/** A selector with its window function. */
export interface FragmentNode extends Node {
  readonly kind: 'fragment';
  readonly fragment: Fragment;
  /** Arguments that are known only when the query runs: they replace `fragment.args`. */
  readonly args: readonly PlanNode[] | null;
  /** The function takes the metric's name away. */
  readonly dropsName: boolean;
  /** Place of the function's scalar argument, for warnings about it. */
  readonly argPlace: string;
  /** Place of what the fused aggregation aggregates; '' where none is fused. */
  readonly inputPlace: string;
}

/** A window function over the values of a subquery. */
export interface WindowNode extends Node {
  readonly kind: 'window';
  readonly func: string;
  readonly input: PlanNode;
  readonly windows: Windows;
  readonly args: readonly PlanNode[];
  readonly dropsName: boolean;
  readonly argPlace: string;
  /** Place of the subquery. */
  readonly inputPlace: string;
}

/** A subquery as the whole query: its samples in (start, end]. */
export interface SubqueryNode extends Node {
  readonly kind: 'subquery';
  readonly input: PlanNode;
}

/** A value that is the same at all steps: computed once. */
export interface RepeatNode extends Node {
  readonly kind: 'repeat';
  readonly input: PlanNode;
}

/** 1 where `input` has nothing. */
export interface AbsentNode extends Node {
  readonly kind: 'absent';
  readonly input: PlanNode;
  readonly labels: Labels;
}

/** Series with labels of the info metrics that have the same job and instance. */
export interface InfoNode extends Node {
  readonly kind: 'info';
  readonly input: PlanNode;
  /** Which info metrics, and which of their labels; null: all labels of target_info. */
  readonly matchers: readonly Matcher[] | null;
  /** Fetches info series once its matchers are known. */
  readonly fragment: Fragment;
}

export interface CallNode extends Node {
  readonly kind: 'call';
  readonly func: string;
  readonly args: readonly PlanNode[];
  /** Evaluated for a span of time, even where that has one step only. */
  readonly inRange: boolean;
}

export interface AggregateNode extends Node {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly input: PlanNode;
  readonly param: PlanNode | null;
  readonly without: boolean;
  readonly labels: readonly string[];
  /** Places of the parameter, and of what is aggregated. */
  readonly argPlace: string;
  readonly inputPlace: string;
}

export interface BinaryNode extends Node {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly bool: boolean;
  readonly matching: Matching | null;
}

export interface NegateNode extends Node {
  readonly kind: 'negate';
  readonly input: PlanNode;
}

/** A sign that changes nothing but the place at which the expression is said to stand. */
export interface PlusNode extends Node {
  readonly kind: 'plus';
  readonly input: PlanNode;
}

/** A subquery into which no step falls. */
export interface NothingNode extends Node {
  readonly kind: 'nothing';
}

/** What cannot be evaluated, once its turn comes: an error of what is evaluated before it comes first. */
export interface FailNode extends Node {
  readonly kind: 'fail';
  readonly message: string;
}
