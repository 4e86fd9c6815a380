// A small line without axes: the shape of the last minutes beside the number that says it.
import type { ReactNode } from 'react';
import type { Line } from './reduce.ts';

const WIDTH = 100;
const HEIGHT = 24;

/** `floor`: the least top of the scale, so that noise near zero stays flat. Decoration: the number beside it is the text. */
export function Sparkline(props: {
  line: Line;
  tone?: 'plain' | 'quiet' | 'bad';
  floor?: number;
}): ReactNode {
  const paths = sparkPaths(props.line, props.floor ?? 0);
  const tone = props.line.some((v) => v !== null && v > 0) ? (props.tone ?? 'plain') : 'flat';
  return (
    <svg
      className={`spark spark-${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path className="spark-area" d={paths.area} />
      <path className="spark-line" d={paths.line} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** SVG paths of the line and of the area under it; a gap lifts the pen. */
export function sparkPaths(line: Line, floor: number): { line: string; area: string } {
  const top = Math.max(floor, ...line.map((v) => (v !== null && Number.isFinite(v) ? v : 0)));
  const step = line.length > 1 ? WIDTH / (line.length - 1) : WIDTH;
  let path = '';
  let area = '';
  let run: string[] = [];
  let from = 0;
  const close = (to: number): void => {
    if (run.length > 1) {
      path += `M${run.join('L')}`;
      area += `M${round(from * step)} ${HEIGHT}L${run.join('L')}L${round(to * step)} ${HEIGHT}Z`;
    }
    run = [];
  };
  for (const [i, v] of line.entries()) {
    if (v === null || !Number.isFinite(v)) {
      close(i - 1);
      continue;
    }
    if (run.length === 0) from = i;
    run.push(`${round(i * step)} ${round(HEIGHT - 1 - (top > 0 ? v / top : 0) * (HEIGHT - 3))}`);
  }
  close(line.length - 1);
  return { line: path, area };
}

function round(v: number): number {
  return Math.round(v * 10) / 10;
}
