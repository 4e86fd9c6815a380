// A wish to write in the query editor, made where the editor may not stand yet.

import { after } from '../browser.ts';

const WISHED = 'munjigi:focus-editor';
let wished = false;

/** Asks the first editor to take the cursor: at once, or when it has loaded. */
export function wishForEditor(): void {
  wished = true;
  window.dispatchEvent(new Event(WISHED));
}

/** Called by an editor that is ready: `focus` runs for each wish that nobody took before. The result ends it. */
export function onEditorWish(focus: () => void): () => void {
  const take = (): void => {
    if (!wished) return;
    wished = false;
    focus();
  };
  window.addEventListener(WISHED, take);
  // Not within this turn: React's strict mode makes an editor twice, and the first is gone by then.
  const cancel = after(0, take);
  return (): void => {
    cancel();
    window.removeEventListener(WISHED, take);
  };
}
