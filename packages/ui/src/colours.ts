// Colours of drawn series: told apart on white and on near-black, neighbours far from each other in hue.

const LIGHT: readonly string[] = [
  '#2b6cb0',
  '#c05621',
  '#2f855a',
  '#b83280',
  '#6b46c1',
  '#b7791f',
  '#2c7a7b',
  '#c53030',
  '#4a5568',
  '#5a67d8',
  '#718f00',
  '#97266d',
];
const DARK: readonly string[] = [
  '#63b3ed',
  '#f6ad55',
  '#68d391',
  '#f687b3',
  '#b794f4',
  '#f6e05e',
  '#4fd1c5',
  '#fc8181',
  '#cbd5e0',
  '#8c9eff',
  '#c5d86d',
  '#d6a4e8',
];

export function seriesColour(i: number, dark: boolean): string {
  const palette = dark ? DARK : LIGHT;
  return palette[i % palette.length] ?? '#888888';
}

/** What uPlot draws on its canvas, where CSS doesn't reach. */
export function chartColours(dark: boolean): { text: string; grid: string; tick: string } {
  return dark
    ? { text: '#a9b1bd', grid: 'rgba(255,255,255,0.07)', tick: 'rgba(255,255,255,0.18)' }
    : { text: '#56606e', grid: 'rgba(20,30,45,0.07)', tick: 'rgba(20,30,45,0.22)' };
}
