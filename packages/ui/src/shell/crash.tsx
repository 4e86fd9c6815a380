// What a page shows when its own code failed.
import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';

export class CrashGuard extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className="page">
        <div className="note note-error" role="alert">
          <strong>This page failed</strong>
          <p className="mono">{error.message}</p>
          <p>
            The server is not affected. Reloading starts the page anew; its address keeps what you had open.
          </p>
          <Button size="compact-sm" variant="default" onClick={() => window.location.reload()}>
            Reload
          </Button>
        </div>
      </div>
    );
  }
}
