// What a user chose for this browser.
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { readStored, writeStored } from './browser.ts';
import type { Zone } from './instant.ts';

interface Settings {
  readonly zone: Zone;
  readonly setZone: (zone: Zone) => void;
}

const ZONE_KEY = 'munjigi.zone';
const SettingsContext = createContext<Settings>({ zone: 'utc', setZone: () => undefined });

export function SettingsProvider(props: { children: ReactNode }): ReactNode {
  const [zone, show] = useState<Zone>(() => (readStored(ZONE_KEY) === 'local' ? 'local' : 'utc'));
  const setZone = useCallback((next: Zone) => {
    writeStored(ZONE_KEY, next);
    show(next);
  }, []);
  const value = useMemo(() => ({ zone, setZone }), [zone, setZone]);
  return <SettingsContext value={value}>{props.children}</SettingsContext>;
}

export function useSettings(): Settings {
  return useContext(SettingsContext);
}
