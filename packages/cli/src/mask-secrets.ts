// The text of a prometheus.yml with its secrets taken out, in whatever style of YAML they are written.

const SECRET =
  'password|credentials|client_secret|client_certificate_key|secret_key|secrets|bearer_token|api_token|refresh_token';
/** `key:` at the beginning of a line, or of a list item: its value is the rest of the line and the lines further in. */
const BLOCK = new RegExp(`^(\\s*(?:-\\s+)*)(["']?(?:${SECRET})["']?\\s*:)(?=\\s|$)`, 'i');
/** `key: value` between braces: its value is quoted, a list, or ends at a comma or a brace. */
const FLOW = new RegExp(
  `([{,]\\s*["']?(?:${SECRET})["']?\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"|'(?:[^']|'')*'|\\[[^\\]]*\\]|[^,}\\n]*)`,
  'gi',
);
/** User and password of a URL. */
const URL_USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi;

/** Values of fields that hold secrets become `<secret>`, as Prometheus shows them. */
export function maskSecrets(yaml: string): string {
  const shown: string[] = [];
  let inside = -1;
  for (const line of yaml.split('\n')) {
    const indent = line.length - line.trimStart().length;
    const item = /^\s*-(\s|$)/.test(line);
    if (inside >= 0 && (line.trim() === '' || indent > inside || (item && indent === inside))) continue;
    inside = -1;
    const match = BLOCK.exec(line);
    if (match === null) shown.push(line);
    else {
      inside = match[1]!.length;
      shown.push(`${match[1]}${match[2]} <secret>`);
    }
  }
  return shown.join('\n').replace(FLOW, '$1<secret>').replace(URL_USER, '$1<secret>@');
}
