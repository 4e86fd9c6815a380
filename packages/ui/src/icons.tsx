// The console's icons, drawn on a 24 x 24 grid with one stroke width. All are decoration: the text beside them carries the meaning.
import type { ReactNode } from 'react';

const SHAPES = {
  gate: 'M3 8.500c3.500-.6 6.500-2.300 9-5 2.500 2.700 5.500 4.400 9 5M6 9.500V20M18 9.500V20M10 20v-5.500h4V20',
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  query: 'M4 19V5M4 19h16M7.500 15l4-5 3 3 4.500-6.500',
  targets: 'M12 12h.01M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8',
  status: 'M12 16v-5M12 8h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
  settings:
    'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5M9 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5',
  help: 'M9.200 9.300a2.900 2.900 0 1 1 4.200 2.600c-.9.5-1.400 1-1.400 2.100M12 17.300h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  cross: 'M6 6l12 12M18 6L6 18',
  alert:
    'M12 9v4.500M12 17h.01M10.600 4.300L2.900 17.600A1.600 1.600 0 0 0 4.300 20h15.400a1.600 1.600 0 0 0 1.400-2.400L13.400 4.300a1.600 1.600 0 0 0-2.800 0z',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  left: 'M14.500 6l-6 6 6 6',
  right: 'M9.500 6l6 6-6 6',
  history: 'M4 12a8 8 0 1 1 2.500 5.800M4 19v-4h4M12 8v4.500l3 1.800',
  list: 'M9 6h11M9 12h11M9 18h11M4.500 6h.01M4.500 12h.01M4.500 18h.01',
  format: 'M4 6h16M8 10h12M8 14h9M4 18h12',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  clock: 'M12 7.500V12l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
  refresh: 'M20 11a8 8 0 0 0-14.300-4L4 9M4 4v5h5M4 13a8 8 0 0 0 14.300 4L20 15M20 20v-5h-5',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13M15.300 15.300L20 20',
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon(props: { name: IconName; size?: number }): ReactNode {
  const size = props.size ?? 16;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      className="icon"
    >
      <path d={SHAPES[props.name]} />
    </svg>
  );
}
