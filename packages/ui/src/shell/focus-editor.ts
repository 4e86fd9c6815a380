/** The event that asks the query page to put the cursor into its first editor. */
export const FOCUS_EDITOR = 'munjigi:focus-editor';
