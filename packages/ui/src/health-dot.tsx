import type { ReactNode } from 'react';

/** A round mark in the state's colour and shape (down is a square, unknown hollow), with the state as text for those who don't see it. */
export function HealthDot(props: { health: 'up' | 'down' | 'unknown' }): ReactNode {
  return (
    <span className={`dot dot-${props.health}`}>
      <span className="hidden">{props.health}</span>
    </span>
  );
}
