// A query that failed: what happened, and where in the expression.
import type { ReactNode } from 'react';
import type { ApiError } from '../api.ts';
import { errorPlace } from './error-place.ts';

const TITLE: Readonly<Record<string, string>> = {
  bad_data: 'The expression is not valid',
  execution: 'The query failed',
  timeout: 'The query took too long',
  canceled: 'The query was cancelled',
  unavailable: 'The server is not ready',
};

export function Failure(props: { error: ApiError; expr: string }): ReactNode {
  const { error, expr } = props;
  const place = errorPlace(error.message, expr);
  const title = error.kind === 'lost' ? 'No answer' : (TITLE[error.errorType] ?? 'The query failed');
  return (
    <div className="note note-error" role="alert">
      <strong>{title}</strong>
      <p className="failure-text">{place?.message ?? error.message}</p>
      {place === null ? null : (
        <pre className="failure-place">
          {place.text}
          {'\n'}
          {' '.repeat(place.column - 1)}^ line {place.line}, column {place.column}
        </pre>
      )}
    </div>
  );
}
